import type { Clock, Timer } from '../clock/clock.ts';
import type { PinnedNow } from './pins.ts';
import type { Sweep } from './sweep.ts';
import type { UsageIndex, UsageRecord } from '../usage/usage-index.ts';
import type { UsageRecorder } from '../usage/usage-recorder.ts';

export interface SchedulerOptions {
  readonly index: UsageIndex;
  readonly recorder: UsageRecorder;
  readonly sweep: Sweep;
  readonly pins: { current(): Promise<PinnedNow> };
  /** Milliseconds from the last use; 0 when content never expires. */
  readonly ttlMs: number;
  /** Time until uses of other processes are in the index. Milliseconds. */
  readonly graceMs: number;
  /** Repositories whose content never expires. */
  readonly isHosted: (repository: string) => boolean;
  readonly clock: Clock;
  /** A pass failed. The next one retries the rest. */
  readonly onError: (error: unknown) => void;
}

const BATCH = 64;
/** Timers are limited to 24 days, and clocks may be changed meanwhile. Milliseconds. */
const MAX_WAIT_MS = 3_600_000;
const RETRY_MS = 60_000;

/** Expires content that was not used for the TTL. One timer, for the first reference that is due. */
export class ExpiryScheduler {
  readonly #options: SchedulerOptions;
  #timer: Timer | undefined;
  #pass: Promise<void> | undefined;
  #stopped = true;
  /** Content was added while a pass was running. */
  #woken = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopped = this.#options.ttlMs === 0;
    this.wake();
  }

  /** Content was added: sets the timer, unless it is set for older content. */
  wake(): void {
    this.#woken = true;
    if (this.#stopped || this.#timer || this.#pass) return;
    this.#woken = false;
    this.#pass = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#pass;
  }

  async #run(): Promise<void> {
    let waitMs: number | undefined = RETRY_MS;
    try {
      await this.#expire();
      waitMs = await this.#nextDueMs();
    } catch (err) {
      this.#options.onError(err);
    }
    this.#pass = undefined;
    if (this.#stopped) return;
    if (waitMs === undefined) {
      if (this.#woken) this.wake();
      return;
    }
    this.#timer = this.#options.clock.setTimer(() => {
      this.#timer = undefined;
      this.wake();
    }, waitMs);
  }

  /** Milliseconds. Undefined when nothing can expire. */
  async #nextDueMs(): Promise<number | undefined> {
    const { index, ttlMs, graceMs, clock } = this.#options;
    const [first] = await index.oldest({ before: Number.MAX_SAFE_INTEGER, limit: 1 });
    // New content of other processes is not due earlier.
    if (!first) return index.isShared ? Math.min(ttlMs, MAX_WAIT_MS) : undefined;
    return Math.min(Math.max(first.rank + ttlMs + graceMs - clock.now() + 1, 1), MAX_WAIT_MS);
  }

  async #expire(): Promise<void> {
    const { index, recorder, sweep, pins, ttlMs, graceMs, clock } = this.#options;
    await recorder.flush();
    await sweep.sweepUnreferenced();
    const before = clock.now() - ttlMs - graceMs;
    const pinned = await pins.current();
    for (;;) {
      const due = this.#stopped ? [] : await index.oldest({ before, limit: BATCH });
      if (due.length === 0) return;
      const held: UsageRecord[] = [];
      for (const record of due) {
        if (!(await this.#expireOne(record, pinned))) held.push(record);
      }
      await index.defer(held, clock.now());
    }
  }

  /** @returns false when it must stay */
  async #expireOne(record: UsageRecord, pinned: PinnedNow): Promise<boolean> {
    if (this.#options.isHosted(record.repository) || (await pinned.has(record))) return false;
    return (await this.#options.sweep.remove(record, 'expired')).removed;
  }
}
