import type { Digest } from '../oci/digest.ts';
import { nextTurn } from '../stream/next-turn.ts';
import type { UsageIndex, UsageRecord } from '../usage/usage-index.ts';

/** Depth of an index of indexes of images. */
const MAX_DEPTH = 4;
/** Digests that are looked up in one turn of the event loop, about a millisecond, by all requests together. */
const IN_ONE_TURN = 64;

/** How much stored content there is with everything that it refers to. */
export class ContentSizes {
  readonly #index: UsageIndex;
  #looked = 0;

  constructor(index: UsageIndex) {
    this.#index = index;
  }

  /** Bytes; each digest counts once. */
  async of(record: UsageRecord): Promise<number> {
    const counted = new Map<Digest, number>();
    await this.#add(record, counted, MAX_DEPTH);
    return [...counted.values()].reduce((sum, size) => sum + size, 0);
  }

  async #add({ repository, digest, kind, size }: UsageRecord, counted: Map<Digest, number>, depth: number) {
    if (counted.has(digest)) return;
    counted.set(digest, size);
    if (++this.#looked % IN_ONE_TURN === 0) await nextTurn();
    if (kind === 'blob' || depth === 0) return;
    for (const part of (await this.#index.partsOf(digest)) ?? []) {
      const found =
        (await this.#index.find({ repository, digest: part, kind: 'blob' })) ??
        (await this.#index.find({ repository, digest: part, kind: 'manifest' }));
      if (found) await this.#add(found, counted, depth - 1);
    }
  }
}
