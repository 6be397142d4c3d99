import type { RedisFailure } from './failure.ts';
import type { RedisState } from './redis.ts';

/** What a look at the server found. */
export interface Verdict {
  readonly state: 'up' | 'read-only' | 'down';
  readonly reason: string | undefined;
}

export interface AvailabilityOptions {
  /** Asks the server whether it can be read and written. Never rejects; takes a bounded time. */
  readonly probe: () => Promise<Verdict>;
  readonly onChange: (state: RedisState, reason: string | undefined) => void;
  /** Milliseconds, of any origin. */
  readonly now?: () => number;
}

/** Failures in a row that close the tier. */
const MAX_FAILURES_IN_A_ROW = 3;
/** One node of a cluster that hangs fails only a part of the commands. */
const MAX_TIMEOUTS = 10;
/** In which {@link MAX_TIMEOUTS} are counted. Milliseconds. */
const WINDOW_MS = 1_000;
/** Until the first probe of a tier that was closed, in milliseconds; doubles with every one that fails. */
const MIN_PROBE_DELAY_MS = 200;
const MAX_PROBE_DELAY_MS = 2_000;
/** A tier that was open for this long begins with the shortest delay again. Milliseconds. */
const STABLE_MS = 10_000;

/**
 * Whether Redis is worth asking. Closed by failures or a lost connection; opened by a probe of its own in the
 * background, so that no pull has to find out.
 */
export class Availability {
  readonly #probe: () => Promise<Verdict>;
  readonly #onChange: AvailabilityOptions['onChange'];
  readonly #now: () => number;
  #state: RedisState = 'starting';
  #changedAt = 0;
  #isConnected = false;
  #failuresInARow = 0;
  #window = { startedAt: 0, timeouts: 0 };
  #delayMs = MIN_PROBE_DELAY_MS;
  #timer: NodeJS.Timeout | undefined;
  /** What a probe finds that began before counts for nothing. */
  #epoch = 0;

  constructor({ probe, onChange, now = () => performance.now() }: AvailabilityOptions) {
    this.#probe = probe;
    this.#onChange = onChange;
    this.#now = now;
  }

  get state(): RedisState {
    return this.#state;
  }

  allows({ writes }: { readonly writes: boolean }): boolean {
    return this.#state === 'up' || (this.#state === 'read-only' && !writes);
  }

  succeeded(): void {
    this.#failuresInARow = 0;
  }

  failed({ kind, reason }: RedisFailure): void {
    if (this.#state !== 'up' && this.#state !== 'read-only') return;
    if (kind === 'rejected') return;
    if (kind === 'writes-refused') return this.#close('read-only', reason);
    if (kind === 'unavailable') return this.#close('down', reason);
    const timeouts = kind === 'timeout' ? this.#countTimeout() : 0;
    if (++this.#failuresInARow >= MAX_FAILURES_IN_A_ROW || timeouts >= MAX_TIMEOUTS) this.#close('down', reason);
  }

  connected(): void {
    this.#isConnected = true;
    this.#probeIn(0);
  }

  disconnected(reason: string): void {
    this.#isConnected = false;
    this.#cancel();
    this.#become('down', reason);
  }

  stop(): void {
    this.#isConnected = false;
    this.#cancel();
    this.#state = 'down';
  }

  #countTimeout(): number {
    const now = this.#now();
    if (now - this.#window.startedAt > WINDOW_MS) this.#window = { startedAt: now, timeouts: 0 };
    return ++this.#window.timeouts;
  }

  #close(state: 'read-only' | 'down', reason: string): void {
    if (this.#state === state) return;
    if (this.#now() - this.#changedAt > STABLE_MS) this.#delayMs = MIN_PROBE_DELAY_MS;
    this.#become(state, reason);
    if (this.#isConnected) this.#probeIn(this.#nextDelayMs());
  }

  #nextDelayMs(): number {
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(delayMs * 2, MAX_PROBE_DELAY_MS);
    return delayMs;
  }

  #probeIn(delayMs: number): void {
    this.#cancel();
    const epoch = this.#epoch;
    this.#timer = setTimeout(() => void this.#probeNow(epoch), delayMs).unref();
  }

  async #probeNow(epoch: number): Promise<void> {
    const { state, reason } = await this.#probe();
    if (epoch !== this.#epoch) return;
    this.#become(state, reason);
    if (state !== 'up') this.#probeIn(this.#nextDelayMs());
  }

  #cancel(): void {
    this.#epoch++;
    clearTimeout(this.#timer);
  }

  #become(state: RedisState, reason: string | undefined): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#changedAt = this.#now();
    this.#failuresInARow = 0;
    this.#window = { startedAt: 0, timeouts: 0 };
    this.#onChange(state, reason);
  }
}
