/** Runs work once per key at a time: a caller joins work in progress. All callers get its result or failure; neither is cached. */
export class SingleFlight<T> {
  readonly #running = new Map<string, Promise<T>>();

  /** @returns the result of the work, and whether it was already in progress */
  run(key: string, work: () => Promise<T>): { readonly result: Promise<T>; readonly joined: boolean } {
    const running = this.#running.get(key);
    if (running) return { result: running, joined: true };
    const result = work().finally(() => this.#running.delete(key));
    this.#running.set(key, result);
    return { result, joined: false };
  }
}
