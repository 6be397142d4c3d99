import type { Digest } from '../oci/digest.ts';
import type { ManifestParts } from '../usage/manifest-parts.ts';
import { referenceKey, type UsageIndex, type UsageRecord } from '../usage/usage-index.ts';
import type { PinnedNow } from './pins.ts';

export interface EvictionPreviewOptions {
  readonly index: Pick<UsageIndex, 'find' | 'holders' | 'parentsOf'>;
  readonly parts: ManifestParts;
  readonly pinned: PinnedNow;
}

export interface PreviewedBytes {
  readonly references: number;
  /** Of content that no other reference has. */
  readonly bytes: number;
  /** Of content that others have. */
  readonly sharedBytes: number;
}

/** A digest with more holders or parents is shared. */
const MAX_LOOKED = 200;

/** What an eviction of several images would remove, all together. */
export class EvictionPreview {
  readonly #options: EvictionPreviewOptions;
  readonly #removed = new Map<string, UsageRecord>();
  readonly #counted = new Set<Digest>();

  constructor(options: EvictionPreviewOptions) {
    this.#options = options;
  }

  /** @returns the records that are not pinned */
  async add(records: readonly UsageRecord[]): Promise<readonly UsageRecord[]> {
    const added: UsageRecord[] = [];
    for (const record of records) {
      if (this.#removed.has(referenceKey(record)) || (await this.#options.pinned.has(record))) continue;
      this.#removed.set(referenceKey(record), record);
      added.push(record);
    }
    return added;
  }

  /** The given records with their parts, of which those stay that other manifests of the repository have. */
  async withParts(records: readonly UsageRecord[]): Promise<readonly UsageRecord[]> {
    const all = [...records];
    for (const { repository, digest, kind } of all) {
      if (kind === 'blob') continue;
      for (const part of await this.#options.parts.of(repository, digest)) {
        if (await this.#hasOtherParent(repository, part)) continue;
        all.push(...(await this.add(await this.#find(repository, part))));
      }
    }
    return all;
  }

  /** When everything has been added. Each digest counts once, for the first records with it. */
  async bytesOf(records: readonly UsageRecord[]): Promise<PreviewedBytes> {
    let [bytes, sharedBytes] = [0, 0];
    for (const { digest, size } of records) {
      if (this.#counted.has(digest)) continue;
      this.#counted.add(digest);
      const holders = await this.#options.index.holders(digest, { limit: MAX_LOOKED });
      const isFreed = holders.length < MAX_LOOKED && holders.every((holder) => this.#isRemoved({ ...holder, digest }));
      if (isFreed) bytes += size;
      else sharedBytes += size;
    }
    return { references: records.length, bytes, sharedBytes };
  }

  async #find(repository: string, digest: Digest): Promise<UsageRecord[]> {
    const { index } = this.#options;
    const found = await Promise.all(
      (['manifest', 'blob'] as const).map((kind) => index.find({ repository, digest, kind })),
    );
    return found.filter((record) => record !== undefined);
  }

  async #hasOtherParent(repository: string, part: Digest): Promise<boolean> {
    const { index } = this.#options;
    let looked = 0;
    for await (const digest of index.parentsOf(part)) {
      if (++looked > MAX_LOOKED) return true;
      const parent = { repository, digest, kind: 'manifest' as const };
      if (!this.#isRemoved(parent) && (await index.find(parent))) return true;
    }
    return false;
  }

  #isRemoved(reference: Parameters<typeof referenceKey>[0]): boolean {
    return this.#removed.has(referenceKey(reference));
  }
}
