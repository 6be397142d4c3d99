import type { Digest } from '../oci/digest.ts';
import { nextTurn } from '../stream/next-turn.ts';
import type { UsageIndex, UsageRecord } from '../usage/usage-index.ts';

/** Depth of an index of indexes of images. */
const MAX_DEPTH = 4;
/** Digests that are looked up in one turn of the event loop, about a millisecond, by all requests together. */
const IN_ONE_TURN = 64;

/** How much stored content there is with everything that it refers to. */
export class ContentSizes {
  readonly #index: Pick<UsageIndex, 'partsOfAll' | 'findAll'>;
  #looked = 0;

  constructor(index: Pick<UsageIndex, 'partsOfAll' | 'findAll'>) {
    this.#index = index;
  }

  /** Bytes; each digest counts once. Takes two calls of the index for each level of its manifests. */
  async of({ repository, digest, kind, size }: UsageRecord): Promise<number> {
    const counted = new Map([[digest, size]]);
    let manifests = kind === 'manifest' ? [digest] : [];
    for (let depth = 0; depth < MAX_DEPTH && manifests.length > 0; depth++) {
      const parts = new Set((await this.#index.partsOfAll(manifests)).flatMap((each) => each ?? []));
      const found = await this.#find(
        repository,
        [...parts].filter((part) => !counted.has(part)),
      );
      for (const part of found) counted.set(part.digest, part.size);
      manifests = found.flatMap((part) => (part.kind === 'manifest' ? [part.digest] : []));
    }
    return [...counted.values()].reduce((sum, each) => sum + each, 0);
  }

  /** Those that the repository has. */
  async #find(repository: string, digests: readonly Digest[]): Promise<UsageRecord[]> {
    const found: UsageRecord[] = [];
    for (let start = 0; start < digests.length; start += IN_ONE_TURN) {
      const some = digests.slice(start, start + IN_ONE_TURN);
      this.#looked += some.length;
      if (this.#looked >= IN_ONE_TURN) {
        this.#looked = 0;
        await nextTurn();
      }
      const references = (['blob', 'manifest'] as const).flatMap((kind) =>
        some.map((digest) => ({ repository, digest, kind })),
      );
      const records = await this.#index.findAll(references);
      found.push(...some.flatMap((_, i) => records[i] ?? records[i + some.length] ?? []));
    }
    return found;
  }
}
