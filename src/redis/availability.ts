import type { RedisFailure } from './failure.ts';
import type { RedisState } from './redis.ts';

/** Result of a probe. */
export interface ProbeResult {
  readonly state: 'up' | 'read-only' | 'down';
  readonly reason: string | undefined;
}

export interface AvailabilityOptions {
  /** Checks whether the server accepts reads and writes. Never rejects; takes a limited time. */
  readonly probe: () => Promise<ProbeResult>;
  readonly onChange: (state: RedisState, reason: string | undefined) => void;
  /** Milliseconds since any point in time. */
  readonly now?: () => number;
}

/** Failures in a row after which Redis counts as down. */
const MAX_FAILURES_IN_A_ROW = 3;
/** Timeouts within {@link WINDOW_MS} after which Redis counts as down: one hanging node of a cluster fails only some commands. */
const MAX_TIMEOUTS = 10;
/** Milliseconds. */
const WINDOW_MS = 1_000;
/** Delay before the first probe after a failure; doubles with each failed probe. Milliseconds. */
const MIN_PROBE_DELAY_MS = 200;
const MAX_PROBE_DELAY_MS = 2_000;
/** After this long without a change, the next failure starts with the shortest delay again. Milliseconds. */
const STABLE_MS = 10_000;

/**
 * A circuit breaker for Redis. Failures and a lost connection open it. Probes in the background close it again, so no pull
 * has to try a server that is down.
 */
export class Availability {
  readonly #probe: () => Promise<ProbeResult>;
  readonly #onChange: AvailabilityOptions['onChange'];
  readonly #now: () => number;
  #state: RedisState = 'starting';
  #changedAt = 0;
  #isConnected = false;
  #failuresInARow = 0;
  #window = { startedAt: 0, timeouts: 0 };
  #delayMs = MIN_PROBE_DELAY_MS;
  #timer: NodeJS.Timeout | undefined;
  /** Changes when results of probes that have started become obsolete. */
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
    if (kind === 'writes-refused') return this.#open('read-only', reason);
    if (kind === 'unavailable') return this.#open('down', reason);
    const timeouts = kind === 'timeout' ? this.#countTimeout() : 0;
    if (++this.#failuresInARow >= MAX_FAILURES_IN_A_ROW || timeouts >= MAX_TIMEOUTS) this.#open('down', reason);
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

  #open(state: 'read-only' | 'down', reason: string): void {
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
