import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Runs a program to its end. @returns what it printed @throws {Error} with its error output */
export async function runCommand(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  try {
    return (await execute(program, [...args], { ...options, maxBuffer: MAX_OUTPUT_BYTES })).stdout.trim();
  } catch (err) {
    const { stderr = '', stdout = '', message } = err as Error & { readonly stderr?: string; readonly stdout?: string };
    throw new Error(`${program} ${args.join(' ')}: ${(stderr || stdout).trim() || message}`, { cause: err });
  }
}
