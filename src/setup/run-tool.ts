import { execFile } from 'node:child_process';

export interface ToolResult {
  /** -1 when it was ended. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ToolOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
}

const MAX_BYTES = 4 * 1024 * 1024;

/** Runs a program of this machine to its end, without a shell. @returns undefined when this machine does not have it */
export function runTool(
  program: string,
  args: readonly string[],
  { env, timeoutMs }: ToolOptions,
): Promise<ToolResult | undefined> {
  return new Promise((resolve) => {
    const options = { env: { ...env }, timeout: timeoutMs, maxBuffer: MAX_BYTES, encoding: 'utf8' } as const;
    const child = execFile(program, args, options, (err, stdout, stderr) => {
      if (err?.code === 'ENOENT') return resolve(undefined);
      const reason = err?.killed === true ? `${program} did not end within ${timeoutMs / 1000} s` : stderr;
      resolve({ code: err ? (typeof err.code === 'number' ? err.code : -1) : 0, stdout, stderr: reason });
    });
    child.stdin?.end();
  });
}
