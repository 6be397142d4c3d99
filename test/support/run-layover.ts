import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { execPath } from 'node:process';

import { LAYOVER_MAIN, programEnvironment } from './programs.ts';

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Default: empty. */
  readonly stdin?: string | Uint8Array;
}

/** Runs the built program to its end, whatever that is. */
export async function runLayover(args: readonly string[], { env, cwd, stdin = '' }: RunOptions = {}) {
  const child = spawn(execPath, [LAYOVER_MAIN, ...args], {
    env: { ...programEnvironment(), ...env },
    ...(cwd !== undefined && { cwd }),
  });
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  // A program that does not read its input breaks the pipe, which is no failure.
  child.stdin.on('error', () => undefined).end(stdin);
  const [code, signal] = await closed;
  return { code, signal, ...said };
}
