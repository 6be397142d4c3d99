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
}
