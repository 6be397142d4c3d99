/** Counts concurrent work of each client, up to a limit. */
export class ConcurrencyLimit {
  readonly #limit: number;
  readonly #running = new Map<string, number>();

  /** @param limit 0: none */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Each call that returns true is followed by one {@link leave}.
   *
   * @param client undefined for one that is not limited
   */
  enter(client: string | undefined): boolean {
    if (client === undefined || this.#limit === 0) return true;
    const count = this.#running.get(client) ?? 0;
    if (count >= this.#limit) return false;
    this.#running.set(client, count + 1);
    return true;
  }

  leave(client: string | undefined): void {
    if (client === undefined || this.#limit === 0) return;
    const count = this.#running.get(client) ?? 0;
    if (count > 1) this.#running.set(client, count - 1);
    else this.#running.delete(client);
  }
}
