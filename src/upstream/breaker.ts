export interface BreakerPolicy {
  /** Failures in a row that open it. */
  readonly threshold: number;
  /** How long it stays open the first time, in milliseconds; doubles while the probe fails. */
  readonly openMs: number;
  /** Milliseconds. */
  readonly maxOpenMs: number;
}

const DEFAULT_BREAKER_POLICY: BreakerPolicy = { threshold: 3, openMs: 5_000, maxOpenMs: 60_000 };

export interface BreakerOptions {
  readonly policy?: BreakerPolicy;
  /** Unix milliseconds. */
  readonly now?: () => number;
  readonly onChange?: (from: BreakerState['kind'], to: BreakerState['kind'], reason: string) => void;
}

export type BreakerState =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly until: number; readonly openMs: number }
  | { readonly kind: 'half-open'; readonly openMs: number };

/** The right to send one request. The first call of any of the three methods ends it; later calls do nothing. */
export interface Permit {
  readonly allowed: true;
  succeed(): void;
  fail(reason: string): void;
  /** Ends it without a result, as when the caller gave up. */
  release(): void;
}

export interface Refusal {
  readonly allowed: false;
  /** Milliseconds. */
  readonly retryAfterMs: number;
}

/** How long a probe in progress will take is not known; other callers get this as their wait. */
const PROBE_RETRY_MS = 1_000;

/**
 * Protects a failing host, and its callers from waiting for it. Closed until {@link BreakerPolicy.threshold} failures in a
 * row; then open, refusing at once; then half-open: one probe goes through, and its result closes or opens it.
 */
export class Breaker {
  readonly #policy: BreakerPolicy;
  readonly #now: () => number;
  readonly #onChange: BreakerOptions['onChange'];
  #state: BreakerState = { kind: 'closed', failures: 0 };

  constructor({ policy = DEFAULT_BREAKER_POLICY, now = Date.now, onChange }: BreakerOptions = {}) {
    this.#policy = policy;
    this.#now = now;
    this.#onChange = onChange;
  }

  enter(): Permit | Refusal {
    const state = this.#state;
    if (state.kind === 'half-open') return { allowed: false, retryAfterMs: PROBE_RETRY_MS };
    if (state.kind === 'open') {
      const retryAfterMs = state.until - this.#now();
      if (retryAfterMs > 0) return { allowed: false, retryAfterMs };
      this.#become({ kind: 'half-open', openMs: state.openMs }, 'probe');
    }
    return this.#issue();
  }

  status(): { readonly breaker: BreakerState['kind']; readonly retryAfterMs?: number } {
    const state = this.#state;
    if (state.kind !== 'open') return { breaker: state.kind };
    const retryAfterMs = state.until - this.#now();
    return retryAfterMs > 0 ? { breaker: 'open', retryAfterMs } : { breaker: 'half-open' };
  }

  /** The next request goes through, although the time has not passed. */
  allowProbe(): void {
    if (this.#state.kind === 'open') this.#state = { ...this.#state, until: this.#now() };
  }

  /** Forgets all failures. */
  reset(): void {
    this.#become({ kind: 'closed', failures: 0 }, 'reset');
  }

  /** Closed, without counted failures: like a new one. */
  get isPristine(): boolean {
    return this.#state.kind === 'closed' && this.#state.failures === 0;
  }

  #issue(): Permit {
    const issuedIn = this.#state.kind;
    let settled = false;
    const settle = (apply: (state: BreakerState) => void) => {
      // A request from before it opened does not decide the probe.
      if (!settled && this.#state.kind === issuedIn) apply(this.#state);
      settled = true;
    };
    return {
      allowed: true,
      succeed: () => settle(() => this.#become({ kind: 'closed', failures: 0 }, 'succeeded')),
      fail: (reason) => settle((state) => this.#fail(state, reason)),
      release: () => settle((state) => this.#release(state)),
    };
  }

  #fail(state: BreakerState, reason: string): void {
    const { threshold, openMs, maxOpenMs } = this.#policy;
    if (state.kind === 'half-open') return this.#open(Math.min(state.openMs * 2, maxOpenMs), reason);
    const failures = (state.kind === 'closed' ? state.failures : 0) + 1;
    if (failures >= threshold) return this.#open(openMs, reason);
    this.#state = { kind: 'closed', failures };
  }

  #release(state: BreakerState): void {
    if (state.kind !== 'half-open') return;
    this.#become({ kind: 'open', until: this.#now(), openMs: state.openMs }, 'probe abandoned');
  }

  #open(openMs: number, reason: string): void {
    this.#become({ kind: 'open', until: this.#now() + openMs, openMs }, reason);
  }

  #become(state: BreakerState, reason: string): void {
    const from = this.#state.kind;
    this.#state = state;
    if (from !== state.kind) this.#onChange?.(from, state.kind, reason);
  }
}
