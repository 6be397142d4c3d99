import type { WalkOptions } from '../content/inventory.ts';
import type { RepositoryStore } from '../content/repositories.ts';
import type { StoredBytes } from '../content/stored-bytes.ts';
import type { Digest } from '../oci/digest.ts';
import { UnreadablePathError } from '../storage/driver.ts';
import { withRemovalClaim } from './removal-claim.ts';
import { mayBeLinked } from './may-be-linked.ts';
import type { ManifestParts } from './manifest-parts.ts';
import type { ContentReference, UsageIndex, UsageRecord, Use } from './usage-index.ts';

/** The part of a content store that a rebuild reads. */
export interface CountedStore {
  readonly bytes: Pick<StoredBytes, 'locked' | 'walk' | 'size'>;
  readonly repositories: Pick<RepositoryStore, 'isLinked' | 'walk' | 'links'>;
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
  /** The first paths in the storage that could not be read. The index is complete only when there are none. */
  readonly unreadable: readonly string[];
}

export interface RebuildOptions {
  readonly index: UsageIndex;
  readonly parts: ManifestParts;
  readonly store: CountedStore;
  /** The last use of content that is not in the index. Unix milliseconds. */
  readonly lastUsedAt: (reference: ContentReference) => number;
  readonly onProgress?: (progress: RebuildProgress) => void;
  readonly signal?: AbortSignal;
}

type UnreadableListener = (error: UnreadablePathError) => void;

const BATCH = 200;
/** Paths in the result. */
const MAX_UNREADABLE = 10;

/**
 * Rebuilds the index from storage. Recorded uses stay. May run while the store is in use: new content is recorded as usual. When something
 * could not be read, the index is not complete afterwards.
 */
export async function rebuildIndex(options: RebuildOptions): Promise<RebuildResult> {
  const { index } = options;
  const found = new Set<string>();
  const onUnreadable = ({ path }: UnreadablePathError) => void (found.size < MAX_UNREADABLE && found.add(path));
  const added = await addLinks(options, onUnreadable);
  const removed = await removeGhosts(options);
  await addUnreferencedBytes(options, onUnreadable);
  await index.recount();
  options.signal?.throwIfAborted();
  await index.setMarker('complete', found.size === 0 ? new Date().toISOString() : undefined);
  return { added, removed, ...(await index.totals()), unreadable: [...found] };
}

/** @returns the number of references that the index did not have */
async function addLinks(options: RebuildOptions, onUnreadable: UnreadableListener): Promise<number> {
  const { index, store, onProgress } = options;
  const repositories: string[] = [];
  for await (const repository of store.repositories.walk(onUnreadable)) repositories.push(repository);
  let added = 0;
  const pending: Use[] = [];
  for (const [done, repository] of repositories.entries()) {
    onProgress?.({ phase: 'repositories', done, total: repositories.length });
    try {
      for await (const found of findLinks(options, repository)) {
        added += found.added;
        pending.push(...found.uses);
        // Small repositories together: each transaction takes longer than what it records.
        if (pending.length >= BATCH) await index.record(pending.splice(0));
      }
    } catch (err) {
      if (!(err instanceof UnreadablePathError)) throw err;
      onUnreadable(err);
    }
  }
  await index.record(pending);
  return added;
}

/** What a repository links, and how much of that the index did not have, batch by batch. */
async function* findLinks(options: RebuildOptions, repository: string): AsyncGenerator<FoundLinks, void, void> {
  let batch: ContentReference[] = [];
  for await (const link of options.store.repositories.links(repository)) {
    options.signal?.throwIfAborted();
    batch.push({ repository, ...link });
    if (batch.length < BATCH) continue;
    yield await findBatch(options, batch);
    batch = [];
  }
  yield await findBatch(options, batch);
}

interface FoundLinks {
  readonly uses: readonly Use[];
  readonly added: number;
}

async function findBatch(
  { index, parts, store, lastUsedAt }: RebuildOptions,
  batch: readonly ContentReference[],
): Promise<FoundLinks> {
  const uses: Use[] = [];
  let added = 0;
  const recorded = await index.findAll(batch);
  for (const [i, reference] of batch.entries()) {
    const { repository, digest, kind } = reference;
    const known = recorded[i];
    const size = await store.bytes.size(digest);
    // There are directories without a link, and links without bytes.
    if (size === undefined || !(known || (await store.repositories.isLinked(repository, reference)))) continue;
    if (!known) added++;
    uses.push({ ...reference, size, at: known?.lastUsedAt ?? lastUsedAt(reference) });
    if (kind === 'manifest') await parts.of(repository, digest);
  }
  return { uses, added };
}

/** Removes references to content that is not stored, or not linked. */
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
        (await mayBeLinked(store, record.repository, record)) && (await mayBeStored(store, record.digest));
      if (await isThere()) continue;
      // Checked again under the claim, when no process is about to link it.
      await withRemovalClaim({ index, store }, record.digest, async () => {
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

/** Whether bytes of the digest are stored. True when that cannot be read. */
async function mayBeStored(store: CountedStore, digest: Digest): Promise<boolean> {
  try {
    return (await store.bytes.size(digest)) !== undefined;
  } catch (err) {
    if (err instanceof UnreadablePathError) return true;
    throw err;
  }
}

/** Records bytes without links, so that they are swept. */
async function addUnreferencedBytes(
  { index, store, onProgress, signal }: RebuildOptions,
  onUnreadable: UnreadableListener,
): Promise<void> {
  const walking: WalkOptions = {
    onProgress: ({ done, total }) => onProgress?.({ phase: 'bytes', done, total }),
    onUnreadable: (_digest, error) => onUnreadable(error),
  };
  for await (const bytes of store.bytes.walk(walking)) {
    signal?.throwIfAborted();
    if ((await index.holders(bytes.digest, { limit: 1 })).length === 0) await index.recordUnreferenced(bytes);
  }
}
