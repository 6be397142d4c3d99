/** Work that is under way for a key is joined, not started again. Success and failure reach everybody; neither is kept. */
export class SingleFlight<T> {
  readonly #running = new Map<string, Promise<T>>();

  /** @returns what the work gives, and whether it was already under way */
  run(key: string, work: () => Promise<T>): { readonly result: Promise<T>; readonly joined: boolean } {
    const running = this.#running.get(key);
    if (running) return { result: running, joined: true };
    const result = work().finally(() => this.#running.delete(key));
    this.#running.set(key, result);
    return { result, joined: false };
  }
}
