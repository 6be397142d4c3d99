import type { Clock } from '../clock/clock.ts';

/** A late timer is made up for, up to this. Milliseconds. */
const CREDIT_MS = 100;
/** Shorter waits are left to the next bytes. Milliseconds. */
const MIN_WAIT_MS = 5;

/** Bytes per second of all fills that no client waits for. */
export class BandwidthLimit {
  readonly #bytesPerSecond: number;
  readonly #clock: Pick<Clock, 'monotonic' | 'sleep'>;
  /** When the bytes that were taken so far are within the limit. */
  #paidAt = -Infinity;

  constructor(bytesPerSecond: number, clock: Pick<Clock, 'monotonic' | 'sleep'>) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
  }

  /** Waits after received bytes. @throws the reason of the signal */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    this.#paidAt = Math.max(this.#paidAt, now - CREDIT_MS) + (bytes / this.#bytesPerSecond) * 1_000;
    const waitMs = this.#paidAt - now;
    if (waitMs >= MIN_WAIT_MS) await this.#clock.sleep(waitMs, { signal });
  }
}

/** The pace of one fill: limited until a client waits for it. */
export class FillPace {
  readonly #limit: BandwidthLimit;
  readonly #hurried = new AbortController();

  constructor(limit: BandwidthLimit) {
    this.#limit = limit;
  }

  /** A client waits for it now. */
  hurry(): void {
    this.#hurried.abort(new Error('a client waits for the blob'));
  }

  /** @throws the reason of the signal */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const { signal: hurried } = this.#hurried;
    if (hurried.aborted) return;
    try {
      await this.#limit.take(bytes, AbortSignal.any([signal, hurried]));
    } catch (err) {
      if (signal.aborted || !hurried.aborted) throw err;
    }
  }
}
