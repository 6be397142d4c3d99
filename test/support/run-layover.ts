import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { execPath } from 'node:process';
import { Readable, Writable } from 'node:stream';

import { runProgram } from '../../src/commands/program.ts';
import { LAYOVER_MAIN, programEnvironment } from './programs.ts';

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Default: empty. */
  readonly stdin?: string | Uint8Array;
}

export interface CommandResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command in this process, as `main.ts` does; one at a time when it needs a working directory. For `serve`, signals, memory and the
 * output of a process there is {@link runLayoverProcess}.
 */
export async function runLayover(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const { cwd } = options;
  return cwd === undefined ? runHere(args, options) : inDirectory(cwd, () => runHere(args, options));
}

async function runHere(args: readonly string[], { env, stdin = '' }: RunOptions): Promise<CommandResult> {
  const out = new KeptText();
  const err = new KeptText();
  const context = { invokedAs: 'layover', env: { ...programEnvironment(), ...env } };
  const code = await runProgram(args, { ...context, stdin: Readable.from([Buffer.from(stdin)]), out, err });
  return { code, signal: null, stdout: out.text, stderr: err.text };
}

class KeptText extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

let running: Promise<unknown> = Promise.resolve();

/** The working directory belongs to the process: commands that need one wait for each other. */
async function inDirectory<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const before = process.cwd();
  const turn = running.then(async () => {
    process.chdir(directory);
    try {
      return await work();
    } finally {
      process.chdir(before);
    }
  });
  running = turn.catch(() => {});
  return turn;
}

/** Runs the built program to its end, whatever that is. */
export async function runLayoverProcess(
  args: readonly string[],
  { env, cwd, stdin = '' }: RunOptions = {},
): Promise<CommandResult> {
  const child = spawn(execPath, [LAYOVER_MAIN, ...args], {
    env: { ...programEnvironment(), ...env },
    ...(cwd !== undefined && { cwd }),
  });
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const printed = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed.stderr += text));
  // A program that does not read its input breaks the pipe, which is no failure.
  child.stdin.on('error', () => undefined).end(stdin);
  const [code, signal] = await closed;
  return { code, signal, ...printed };
}
