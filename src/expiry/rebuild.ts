import type { StoredBytes, StoredLink, WalkOptions } from '../content/inventory.ts';
import type { Digest } from '../oci/digest.ts';
import { UnreadablePathError } from '../storage/driver.ts';
import { claimed } from './claimed.ts';
import { type LinkedStore, mayBeLinked } from './may-be-linked.ts';
import type { ManifestParts } from './manifest-parts.ts';
import type { ContentReference, UsageIndex, UsageRecord, Use } from './usage-index.ts';

/** The part of our content store that can be counted. */
export interface CountedStore extends LinkedStore {
  locked<T>(digest: Digest, work: () => Promise<T>): Promise<T>;
  walkBytes(options: WalkOptions): AsyncGenerator<StoredBytes>;
  /** @param onUnreadable told of directories in which there may be more */
  walkRepositories(onUnreadable: () => void): AsyncGenerator<string, void, void>;
  walkLinks(repository: string): AsyncGenerator<StoredLink, void, void>;
  storedSize(digest: Digest): Promise<number | undefined>;
}

export interface RebuildProgress {
  readonly phase: 'repositories' | 'checking' | 'bytes';
  readonly done: number;
  readonly total: number;
}

export interface RebuildResult {
  /** References that the index did not have. */
  readonly added: number;
  /** References that storage does not have. */
  readonly removed: number;
  readonly references: number;
  readonly digests: number;
  readonly bytes: number;
}

export interface RebuildOptions {
  readonly index: UsageIndex;
  readonly parts: ManifestParts;
  readonly store: CountedStore;
  /** Of content whose age nobody knows. Unix milliseconds. */
  readonly lastUsedAt: (reference: ContentReference) => number;
  readonly onProgress?: (progress: RebuildProgress) => void;
  readonly signal?: AbortSignal;
}

const BATCH = 200;

/**
 * Makes the index say what storage has. What it knows of use stays. May run while the store is in use: what comes meanwhile
 * is recorded as ever. The index is not complete afterwards when something could not be read.
 */
export async function rebuildIndex(options: RebuildOptions): Promise<RebuildResult> {
  const { index } = options;
  const { added, isWhole } = await addLinks(options);
  const removed = await removeGhosts(options);
  await addLooseBytes(options);
  await index.recount();
  options.signal?.throwIfAborted();
  await index.setMarker('complete', isWhole ? new Date().toISOString() : undefined);
  return { added, removed, ...(await index.totals()) };
}

/** `isWhole`: everything could be read. */
async function addLinks(options: RebuildOptions): Promise<{ readonly added: number; readonly isWhole: boolean }> {
  const { store, onProgress } = options;
  let isWhole = true;
  const repositories: string[] = [];
  for await (const repository of store.walkRepositories(() => (isWhole = false))) repositories.push(repository);
  let added = 0;
  for (const [done, repository] of repositories.entries()) {
    onProgress?.({ phase: 'repositories', done, total: repositories.length });
    try {
      for await (const count of addRepository(options, repository)) added += count;
    } catch (err) {
      if (!(err instanceof UnreadablePathError)) throw err;
      isWhole = false;
    }
  }
  return { added, isWhole };
}

/** Yields how many were added, batch by batch. */
async function* addRepository(options: RebuildOptions, repository: string): AsyncGenerator<number, void, void> {
  let batch: ContentReference[] = [];
  for await (const link of options.store.walkLinks(repository)) {
    options.signal?.throwIfAborted();
    batch.push({ repository, ...link });
    if (batch.length < BATCH) continue;
    yield await addBatch(options, batch);
    batch = [];
  }
  yield await addBatch(options, batch);
}

async function addBatch(
  { index, parts, store, lastUsedAt }: RebuildOptions,
  batch: readonly ContentReference[],
): Promise<number> {
  const uses: Use[] = [];
  let added = 0;
  const recorded = await index.findAll(batch);
  for (const [i, reference] of batch.entries()) {
    const { repository, digest, kind } = reference;
    const known = recorded[i];
    const size = await store.storedSize(digest);
    // A directory can stay behind without its link, and a link without its bytes.
    if (size === undefined || !(known || (await store.isLinked(repository, reference)))) continue;
    if (!known) added++;
    uses.push({ ...reference, size, at: known?.lastUsedAt ?? lastUsedAt(reference) });
    if (kind === 'manifest') await parts.of(repository, digest);
  }
  await index.record(uses);
  return added;
}

/** References to what is not there, or not linked. */
async function removeGhosts({ index, store, onProgress, signal }: RebuildOptions): Promise<number> {
  const { references: total } = await index.totals();
  let [done, removed] = [0, 0];
  let after: UsageRecord | undefined;
  for (;;) {
    const page = await index.page({ ...(after && { after }), limit: BATCH });
    if (page.length === 0) return removed;
    for (const record of page) {
      signal?.throwIfAborted();
      const isThere = async () =>
        (await mayBeLinked(store, record.repository, record)) && (await store.storedSize(record.digest)) !== undefined;
      if (await isThere()) continue;
      // Again, when nobody is about to link it.
      await claimed({ index, store }, record.digest, async () => {
        if (await isThere()) return;
        await index.remove([record]);
        removed++;
      });
    }
    done += page.length;
    after = page.at(-1);
    onProgress?.({ phase: 'checking', done, total });
  }
}

/** What nobody links is swept like what was left behind. */
async function addLooseBytes({ index, store, onProgress, signal }: RebuildOptions): Promise<void> {
  const progress = ({ done, total }: { done: number; total: number }) => onProgress?.({ phase: 'bytes', done, total });
  for await (const bytes of store.walkBytes({ onProgress: progress })) {
    signal?.throwIfAborted();
    if ((await index.holders(bytes.digest)).length === 0) await index.recordLoose(bytes);
  }
}
