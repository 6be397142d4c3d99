/** Milliseconds. */
const PERIOD_MS = 300_000;
/** In each of two periods; clients with IPv6 can have more addresses than memory. */
const MAX_ADDRESSES = 10_000;

/** Counts the addresses of a period and the one before. Runs on every request, so it keeps no times. */
export class RecentClients {
  readonly #now: () => number;
  #startedAt: number;
  #current = new Set<string>();
  #previous = new Set<string>();

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now;
    this.#startedAt = now();
  }

  saw(address: string): void {
    this.#turn();
    if (this.#current.size < MAX_ADDRESSES) this.#current.add(address);
  }

  count(): number {
    this.#turn();
    return new Set([...this.#current, ...this.#previous]).size;
  }

  #turn(): void {
    const elapsed = this.#now() - this.#startedAt;
    if (elapsed < PERIOD_MS) return;
    this.#previous = elapsed < 2 * PERIOD_MS ? this.#current : new Set();
    this.#current = new Set();
    this.#startedAt = this.#now();
  }
}
