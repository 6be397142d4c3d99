import type { ManifestParts } from '../usage/manifest-parts.ts';
import type { PinnedNow } from './pins.ts';
import type { Sweep } from './sweep.ts';
import type { UsageIndex, UsageRecord } from '../usage/usage-index.ts';

export interface EvictionOptions {
  readonly index: UsageIndex;
  readonly sweep: Sweep;
  readonly parts: ManifestParts;
  /** Repositories whose content cannot be fetched again. */
  readonly isHosted: (repository: string) => boolean;
  readonly now: () => number;
}

export interface Evicted {
  readonly references: number;
  /** Freed bytes. */
  readonly bytes: number;
}

/** A later last use than the image index's, by this much, shows that an image is also pulled directly. Milliseconds. */
const OWN_USE_MS = 60_000;
const NOTHING: Evicted = { references: 0, bytes: 0 };

/**
 * Evicts whole images: a manifest with everything that only it refers to in its repository. Layers without their manifest are of no use, nor is
 * a manifest without its layers.
 */
export class Eviction {
  readonly #options: EvictionOptions;

  constructor(options: EvictionOptions) {
    this.#options = options;
  }

  /**
   * Evicts the least recently used image, or a blob that belongs to no image.
   *
   * @param startedAt start of this pass; content used since then stays. Unix milliseconds
   * @returns undefined when nothing can be evicted
   */
  async evictOldest(pinned: PinnedNow, startedAt: number): Promise<Evicted | undefined> {
    const { index } = this.#options;
    for (;;) {
      const [manifest] = await index.oldest({ kind: 'manifest', before: startedAt, limit: 1 });
      const [blob] = await index.oldest({ kind: 'blob', before: startedAt, limit: 1 });
      const oldest = manifest && blob && blob.rank < manifest.rank ? blob : (manifest ?? blob);
      if (!oldest) return undefined;
      const evicted = await this.#evict(oldest, pinned);
      if (evicted.references > 0) return evicted;
      await index.defer([oldest], await this.#laterRank(oldest, startedAt));
    }
  }

  /** Evicts a manifest with everything that only it refers to in its repository, except pinned content. */
  async evictImage(record: UsageRecord, pinned: PinnedNow): Promise<Evicted> {
    const { index, sweep, parts } = this.#options;
    const { repository } = record;
    if (await pinned.has(record)) return NOTHING;
    const itsParts = await parts.of(repository, record.digest);
    const { removed, bytes: own } = await sweep.remove(record, 'evicted');
    if (!removed) return NOTHING;
    let [references, bytes] = [1, own];
    for (const digest of itsParts) {
      if (await parts.isPart(repository, digest)) continue;
      for (const kind of ['manifest', 'blob'] as const) {
        const part = await index.find({ repository, digest, kind });
        if (!part || (kind === 'manifest' && part.lastUsedAt > record.lastUsedAt + OWN_USE_MS)) continue;
        const evicted = await (kind === 'manifest' ? this.evictImage(part, pinned) : this.evictBlob(part, pinned));
        references += evicted.references;
        bytes += evicted.bytes;
      }
    }
    return { references, bytes };
  }

  async evictBlob(record: UsageRecord, pinned: PinnedNow): Promise<Evicted> {
    if (await pinned.has(record)) return NOTHING;
    const { removed, bytes } = await this.#options.sweep.remove(record, 'evicted');
    return removed ? { references: 1, bytes } : NOTHING;
  }

  async #evict(record: UsageRecord, pinned: PinnedNow): Promise<Evicted> {
    if (this.#options.isHosted(record.repository)) return NOTHING;
    if (record.kind === 'manifest') return this.evictImage(record, pinned);
    if (await this.#options.parts.isPart(record.repository, record.digest)) return NOTHING;
    return this.evictBlob(record, pinned);
  }

  /** A part of an image moves right behind that image, and is next when the image has been evicted. Everything else moves to the end of the queue. */
  async #laterRank({ repository, digest, kind, rank }: UsageRecord, startedAt: number): Promise<number> {
    const { index, now } = this.#options;
    if (kind === 'manifest') return Math.max(now(), startedAt);
    let later = rank;
    for await (const parent of index.parentsOf(digest)) {
      const image = await index.find({ repository, digest: parent, kind: 'manifest' });
      later = Math.max(later, image?.rank ?? 0);
    }
    return later > rank ? later : Math.max(now(), startedAt);
  }
}
