import type { Clock } from '../clock/clock.ts';
import type { Bandwidth } from '../registry/registry.ts';

/** A late timer is made up for, up to this. Milliseconds. */
const CREDIT_MS = 100;
/** Shorter waits are left to the next bytes. Milliseconds. */
const MIN_WAIT_MS = 5;

/** Bytes per second of fills that no client waits for, together. */
export class BandwidthLimit implements Bandwidth {
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
  readonly #limits: readonly Bandwidth[];
  readonly #hurried = new AbortController();

  constructor(...limits: readonly Bandwidth[]) {
    this.#limits = limits;
  }

  /** @returns undefined without a limit */
  static of(limits: readonly (Bandwidth | undefined)[]): FillPace | undefined {
    const given = limits.filter((limit) => limit !== undefined);
    return given.length === 0 ? undefined : new FillPace(...given);
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
      const either = AbortSignal.any([signal, hurried]);
      for (const limit of this.#limits) await limit.take(bytes, either);
    } catch (err) {
      if (signal.aborted || !hurried.aborted) throw err;
    }
  }
}
