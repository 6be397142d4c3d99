import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { KeptOutput } from './kept-output.ts';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessOptions {
  /** The whole environment of the child, not an addition to ours. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

// A test run that is interrupted leaves no process behind.
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

/** A child process whose output is kept; `await using` ends it. */
export class RunningProcess implements AsyncDisposable {
  readonly command: string;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #output = new KeptOutput(this);

  private constructor(command: string, args: readonly string[], options: ProcessOptions) {
    this.command = [command, ...args].join(' ');
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options } as const);
    this.#child = child;
    running.add(child);
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => this.#output.append(name, text));
    }
    this.exited = new Promise((resolve) => {
      // 'close' comes when the output has been read to its end as well.
      child.once('close', (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
        this.#output.wake();
      });
    });
  }

  /** @throws {Error} `ENOENT` and the like, when there is no such program. */
  static async start(command: string, args: readonly string[], options: ProcessOptions = {}): Promise<RunningProcess> {
    const started = new RunningProcess(command, args, options);
    await once(started.#child, 'spawn');
    return started;
  }

  get pid(): number {
    return this.#child.pid ?? Number.NaN;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get stdout(): string {
    return this.#output.stdout;
  }

  get stderr(): string {
    return this.#output.stderr;
  }

  get output(): string {
    return this.#output.all;
  }

  /**
   * Resolves as soon as the output has a match, also one printed before the call.
   *
   * @throws {Error} with the output, when the process ends first or the time is up.
   */
  waitForOutput(pattern: RegExp, options: { timeoutMs?: number } = {}): Promise<RegExpExecArray> {
    return this.#output.waitFor(pattern, options);
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#child.kill(signal);
  }

  /** Asks with SIGTERM, insists with SIGKILL when `timeoutMs` have passed. */
  async stop({ timeoutMs = 10_000 } = {}): Promise<Exit> {
    if (this.isRunning) this.kill('SIGTERM');
    const insist = setTimeout(() => this.kill('SIGKILL'), timeoutMs);
    const exit = await this.exited;
    clearTimeout(insist);
    return exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * Runs a program to its end.
 *
 * @throws {Error} with the output, when it does not exit with 0 or takes longer than `timeoutMs`.
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  { timeoutMs = 120_000, ...options }: ProcessOptions & { readonly timeoutMs?: number } = {},
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const program = await RunningProcess.start(command, args, options);
  const timeout = setTimeout(() => program.kill('SIGKILL'), timeoutMs);
  const { code, signal } = await program.exited;
  clearTimeout(timeout);
  if (code !== 0) throw new Error(`exit ${code ?? signal}: ${program.command}\n${program.output}`);
  return { stdout: program.stdout, stderr: program.stderr };
}

/** A loopback port that was free a moment ago; for programs that can not be told to choose one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** @throws {Error} when nothing accepts connections on the port within `timeoutMs`, or `owner` ends before. */
export async function waitForPort(port: number, owner: RunningProcess, { timeoutMs = 45_000 } = {}): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await accepts(port))) {
    if (!owner.isRunning) throw new Error(`ended before it listened on ${port}: ${owner.command}\n${owner.output}`);
    if (Date.now() > deadline) throw new Error(`nothing listens on ${port}: ${owner.command}\n${owner.output}`);
    await delay(20);
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false; // refused: not there yet
  } finally {
    socket.destroy();
  }
}
