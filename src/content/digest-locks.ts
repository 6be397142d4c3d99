import type { Digest } from '../oci/digest.ts';

/** One piece of work at a time for each digest, in the order in which it was asked for. */
export class DigestLocks {
  readonly #last = new Map<Digest, Promise<unknown>>();

  /** Not to be called from within work on the same digest: it would wait for itself. */
  async run<T>(digest: Digest, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(digest);
    const mine = before ? before.then(work, work) : work();
    this.#last.set(digest, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(digest) === mine) this.#last.delete(digest);
    }
  }

  /** Alone with all of them. In an order that everybody keeps, so that nobody waits for one who waits for him. */
  runAll<T>(digests: Iterable<Digest>, work: () => Promise<T>): Promise<T> {
    const [first, ...others] = [...new Set(digests)].toSorted();
    if (first === undefined) return work();
    return this.run(first, () => this.#runNext(others, work));
  }

  #runNext<T>(digests: readonly Digest[], work: () => Promise<T>): Promise<T> {
    const [first, ...others] = digests;
    return first === undefined ? work() : this.run(first, () => this.#runNext(others, work));
  }
}
