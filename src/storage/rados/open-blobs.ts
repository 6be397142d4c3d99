/** Blobs that this process reads: they are removed when the last reader has finished. */
export class OpenBlobs {
  readonly #readers = new Map<string, number>();
  /** Their removals wait for readers. */
  readonly #waiting = new Map<string, () => Promise<void>>();

  /** @returns a function that ends the use, to be called once */
  use(id: string): () => void {
    this.#readers.set(id, (this.#readers.get(id) ?? 0) + 1);
    return () => this.#end(id);
  }

  /** Runs `remove` now, or when there are no readers. */
  async whenUnused(id: string, remove: () => Promise<void>): Promise<void> {
    if (this.#readers.has(id)) this.#waiting.set(id, remove);
    else await remove();
  }

  /** Runs the removals that still wait. */
  async close(): Promise<void> {
    const removals = [...this.#waiting.values()];
    this.#waiting.clear();
    await Promise.allSettled(removals.map((remove) => remove()));
  }

  #end(id: string): void {
    const left = (this.#readers.get(id) ?? 1) - 1;
    if (left > 0) {
      this.#readers.set(id, left);
      return;
    }
    this.#readers.delete(id);
    const remove = this.#waiting.get(id);
    this.#waiting.delete(id);
    remove?.().catch(() => {});
  }
}
