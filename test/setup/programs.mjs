// Finds and runs programs for what prepares the tests.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export const CACHE = join(import.meta.dirname, '../../node_modules/.cache/layover-tests');
export const UNPACKED = join(CACHE, 'root');
const FOLDERS = [join(CACHE, 'bin'), ...['usr/bin', 'usr/sbin', 'bin', 'sbin'].map((folder) => join(UNPACKED, folder))];

export const say = (line) => process.stderr.write(`prepare: ${line}\n`);

export function find(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', ...FOLDERS];
  return folders.filter(Boolean).find((folder) => isExecutable(join(folder, name)));
}

export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs to the end or to the timeout; `problem` is one line. */
export function run(command, args, { timeout, cwd, env } = {}) {
  const result = spawnSync(command, args, { timeout, cwd, env: { ...process.env, ...env }, encoding: 'utf8' });
  if (result.status === 0) return { ok: true, stdout: result.stdout };
  const lastLine = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim().split('\n').at(-1);
  const problem = result.error?.code === 'ETIMEDOUT' ? `took longer than ${timeout / 1000} s` : lastLine;
  return {
    ok: false,
    stdout: result.stdout,
    problem: `${command} ${args.at(-1)}: ${problem || result.error?.message}`,
  };
}
