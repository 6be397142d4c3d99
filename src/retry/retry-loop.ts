import { setTimeout as sleep } from 'node:timers/promises';

export interface RetryLoopOptions {
  /**
   * Decides after each failure; `retry` is 0 before the first retry. May throw another error in place of the failure.
   *
   * @returns milliseconds to wait; undefined to give up with this failure
   */
  readonly delayMs: (failure: unknown, retry: number) => number | undefined;
  /** Waits; rejects to give up. @default a timer that `signal` ends */
  readonly sleep?: (ms: number) => Promise<void>;
  /** Ends the default wait, with an `AbortError`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Repeats `attempt` until it succeeds or `delayMs` gives up.
 *
 * @throws what the last attempt failed with
 */
export async function retrying<T>(options: RetryLoopOptions, attempt: (retry: number) => Promise<T>): Promise<T> {
  const { delayMs, signal, sleep: wait = (ms) => sleep(ms, undefined, signal && { signal }) } = options;
  for (let retry = 0; ; retry++) {
    try {
      return await attempt(retry);
    } catch (failure) {
      const ms = delayMs(failure, retry);
      if (ms === undefined) throw failure;
      await wait(ms);
    }
  }
}
