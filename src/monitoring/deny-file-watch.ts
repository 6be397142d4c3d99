import type { LoggedProblem } from './cause-log.ts';

/** Whether the deny file can be used, as it changes. */
export interface DenyFileEvents {
  denyFileRead(): void;
  denyFileUnreadable(path: string, error: unknown): void;
}

/** The state of the deny file: a problem for as long as it cannot be used. */
export class DenyFileWatch implements DenyFileEvents {
  readonly #now: () => number;
  #problem: Omit<LoggedProblem, 'lastAt'> | undefined;

  /** @param now Unix milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  denyFileRead(): void {
    this.#problem = undefined;
  }

  denyFileUnreadable(path: string, error: unknown): void {
    const detail = error instanceof Error ? error.message : String(error);
    const { count = 0, firstAt = this.#now() } = this.#problem ?? {};
    this.#problem = { cause: 'deny-file', subject: path, detail, count: count + 1, firstAt };
  }

  /** One that lasts until now, or none. */
  problems(): readonly LoggedProblem[] {
    return this.#problem ? [{ ...this.#problem, lastAt: this.#now() }] : [];
  }
}
