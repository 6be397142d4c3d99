import type { Clock } from '../../src/clock/clock.ts';
import type { Exit } from './processes.ts';

/** One start of Layover, until it ends: in this process or as a process of its own. */
export interface LayoverRun {
  readonly url: string;
  /** Absent without `http.debug.addr` in the configuration. */
  readonly debugUrl: string | undefined;
  /** @throws {Error} in this process */
  readonly pid: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly output: string;
  readonly exited: Promise<Exit>;
  waitForOutput(pattern: RegExp, options?: { timeoutMs?: number }): Promise<RegExpExecArray>;
  /** @throws {Error} in this process for all signals but SIGTERM and SIGINT */
  kill(signal: NodeJS.Signals): void;
  stop(): Promise<Exit>;
}

export interface RunOptions {
  /** Path of the configuration. */
  readonly configFile: string;
  /** Whole, not an addition to the environment of this process. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Arguments for node, before the program. */
  readonly nodeArguments: readonly string[];
  readonly hasDebugServer: boolean;
  /** Only in this process. */
  readonly clock: Clock | undefined;
}
