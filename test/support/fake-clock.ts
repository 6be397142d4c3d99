import { setTimeout as delay } from 'node:timers/promises';

import type { Clock, Timer } from '../../src/clock/clock.ts';

/** Of the system's time, for I/O in between. */
const STEP_TAKES_MS = 5;

interface FakeTimer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that stands still until {@link FakeClock.advance} is called. Starts at the present, as the times of files are those of the system. */
export class FakeClock implements Clock {
  #now = Date.now();
  readonly #timers = new Set<FakeTimer>();

  readonly now = (): number => this.#now;

  readonly monotonic = this.now;

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = { at: this.#now + Math.max(1, delayMs), callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  sleep(delayMs: number, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const abort = () => {
        timer.cancel();
        reject(signal?.reason as Error);
      };
      const timer = this.setTimer(() => {
        signal?.removeEventListener('abort', abort);
        resolve();
      }, delayMs);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /**
   * Lets time pass: calls the timers that become due, the earliest first, each at its time. After each, promises continue that wait for no
   * I/O. Work that does I/O may set its next timer after this: call it repeatedly, as from `expect.poll`.
   */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (let due = this.#firstBy(until); due; due = this.#firstBy(until)) {
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
      await promisesContinued();
    }
    this.#now = Math.max(this.#now, until);
    await promisesContinued();
  }

  /** Lets time pass, `stepMs` every few milliseconds, until `work` has ended: for work that waits more than once. */
  async advanceUntil<T>(work: Promise<T>, stepMs = 1_000): Promise<T> {
    let isRunning = true;
    const end = () => void (isRunning = false);
    work.then(end, end);
    while (isRunning) {
      await this.advance(stepMs);
      await delay(STEP_TAKES_MS);
    }
    return work;
  }

  #firstBy(until: number): FakeTimer | undefined {
    let first: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= until && (first === undefined || timer.at < first.at)) first = timer;
    }
    return first;
  }
}

function promisesContinued(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
