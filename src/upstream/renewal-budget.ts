import { createCountedCache } from '../cache/lru.ts';

/** Renewals in a row that do not help; one more each {@link REFILL_MS}. */
const MAX_USELESS = 5;
/** Milliseconds. */
const REFILL_MS = 10_000;
/** After one that did not help, no other for the same purpose. Milliseconds. */
const HOLD_MS = 60_000;
const MAX_PURPOSES = 1_000;

/**
 * How often credentials may be renewed because they were refused. A registry refuses expired ones in the same way as content that they
 * are not for, and clients request the latter as often as they like.
 */
export class RenewalBudget {
  readonly #now: () => number;
  readonly #held = createCountedCache<{ readonly until: number }>({ maxEntries: MAX_PURPOSES });
  #left = MAX_USELESS;
  #refilledAt: number;

  /** @param now unix milliseconds */
  constructor(now: () => number) {
    this.#now = now;
    this.#refilledAt = now();
  }

  /** Counts as useless until {@link refund} says otherwise. */
  take(purpose: string): boolean {
    const now = this.#now();
    const refills = Math.floor((now - this.#refilledAt) / REFILL_MS);
    this.#left = Math.min(MAX_USELESS, this.#left + refills);
    this.#refilledAt += refills * REFILL_MS;
    if (this.#left < 1 || (this.#held.get(purpose)?.until ?? 0) > now) return false;
    this.#left--;
    this.#held.set(purpose, { until: now + HOLD_MS });
    return true;
  }

  refund(purpose: string): void {
    if (this.#held.get(purpose) === undefined) return;
    this.#held.delete(purpose);
    this.#left = Math.min(MAX_USELESS, this.#left + 1);
  }
}
