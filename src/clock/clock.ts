import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Time for TTLs, intervals, back-off and expiry, so that tests can let it pass. Deadlines of I/O, heartbeats of locks and leases, and drains
 * use the timers of Node.js.
 */
export interface Clock {
  /** Unix milliseconds. Needs no `this`: it can be passed on as a function. */
  readonly now: () => number;

  /** Milliseconds since an arbitrary moment, for lengths of time: it ignores that the system's time is set. Needs no `this`. */
  readonly monotonic: () => number;

  /** Calls back once. Does not keep the process running. */
  setTimer(callback: () => void, delayMs: number): Timer;

  /**
   * Keeps the process running meanwhile.
   *
   * @throws the reason of `signal` when it aborts
   */
  sleep(delayMs: number, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
}

export interface Timer {
  /** Does nothing when the timer has already called back. */
  cancel(): void;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs).unref();
    return { cancel: () => clearTimeout(timer) };
  },
  async sleep(delayMs, { signal } = {}) {
    try {
      await sleep(delayMs, undefined, signal && { signal });
    } catch (err) {
      signal?.throwIfAborted(); // Node.js rejects with an AbortError in its place
      throw err;
    }
  },
};
