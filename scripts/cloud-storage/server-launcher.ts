import { spawn, spawnSync } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { env, execPath, kill } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

import type { Settings } from './settings.ts';

export const ROOT = join(import.meta.dirname, '../..');
const DIRECTORY = join(ROOT, 'tests/cloud-storage');
const PID_FILE = join(DIRECTORY, 'pid');
const BUILT = join(ROOT, 'node_modules/.cache/layover-tests/bin');
const STOP_TIMEOUT_MS = 10_000;

/** versitygw as a separate process, with its data, log and process id in `tests/cloud-storage/`. */
export function serverLauncher(settings: Settings) {
  return {
    name: 'versitygw',
    isRunning: async () => (await runningPid()) !== undefined,
    start: async () => {
      if ((await runningPid()) === undefined) await launch(findServer(), settings);
    },
    stop,
    remove: async () => {
      await stop();
      await rm(DIRECTORY, { recursive: true, force: true });
    },
  };
}

async function launch(program: string, { host, port, region, accessKey, secretKey }: Settings): Promise<void> {
  const data = join(DIRECTORY, 'data');
  await mkdir(data, { recursive: true });
  const log = openSync(join(DIRECTORY, 'log'), 'w');
  const address = `${host}:${port}`;
  const args = ['--port', address, '--region', region, '--quiet', '--keep-alive', 'posix', data];
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...env, ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey },
  });
  await new Promise((resolve, reject) => child.once('error', reject).once('spawn', resolve));
  await writeFile(PID_FILE, String(child.pid));
  await delay(300); // long enough to see that the port is taken
  if (child.exitCode !== null) {
    await rm(PID_FILE, { force: true });
    throw new Error(`versitygw did not start at ${address}: ${await lastLine(join(DIRECTORY, 'log'))}`);
  }
  child.unref();
}

async function lastLine(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).trim().split('\n').at(-1) ?? '';
}

async function stop(): Promise<void> {
  const pid = await runningPid();
  if (pid !== undefined) {
    kill(pid);
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    while (isAlive(pid)) {
      if (Date.now() > deadline) throw new Error(`process ${pid} does not end`);
      await delay(50);
    }
  }
  await rm(PID_FILE, { force: true });
}

async function runningPid(): Promise<number | undefined> {
  const pid = Number(await readFile(PID_FILE, 'utf8').catch(() => ''));
  return pid > 0 && isAlive(pid) && (await isServer(pid)) ? pid : undefined;
}

/** After a reboot the number may belong to another program. Where /proc is missing, the number is all there is. */
async function isServer(pid: number): Promise<boolean> {
  if (!existsSync('/proc/self/cmdline')) return true;
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes('versitygw');
}

function isAlive(pid: number): boolean {
  try {
    kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** @throws {Error} when the server is missing and cannot be built */
function findServer(): string {
  const folders = [...(env['PATH'] ?? '').split(delimiter), env['GOBIN'], join(homedir(), 'go/bin'), BUILT];
  const find = () =>
    folders
      .filter((folder): folder is string => folder !== undefined && folder !== '')
      .map((folder) => join(folder, 'versitygw'))
      .find((path) => existsSync(path));
  const found = find();
  if (found !== undefined) return found;
  spawnSync(execPath, [join(ROOT, 'test/setup/prepare.mjs'), '--versitygw'], { stdio: 'inherit' });
  const built = find();
  if (built === undefined) throw new Error('no S3 server (start docker, or install go to build versitygw)');
  return built;
}
