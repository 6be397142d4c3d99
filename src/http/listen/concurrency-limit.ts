/** Counts what is under way for each client, up to a limit. */
export class Tally {
  readonly #limit: number;
  readonly #underWay = new Map<string, number>();

  /** @param limit 0: none */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Each call that says yes is followed by one {@link leave}.
   *
   * @param client undefined: one that is not counted
   */
  enter(client: string | undefined): boolean {
    if (client === undefined || this.#limit === 0) return true;
    const count = this.#underWay.get(client) ?? 0;
    if (count >= this.#limit) return false;
    this.#underWay.set(client, count + 1);
    return true;
  }

  leave(client: string | undefined): void {
    if (client === undefined || this.#limit === 0) return;
    const count = this.#underWay.get(client) ?? 0;
    if (count > 1) this.#underWay.set(client, count - 1);
    else this.#underWay.delete(client);
  }
}
