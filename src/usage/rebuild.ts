import type { WalkOptions } from '../content/inventory.ts';
import type { RepositoryStore } from '../content/repositories.ts';
import type { StoredBytes } from '../content/stored-bytes.ts';
import type { Digest } from '../oci/digest.ts';
import { UnreadablePathError } from '../storage/driver.ts';
import { withRemovalClaim } from './removal-claim.ts';
import { mayBeLinked } from './may-be-linked.ts';
import type { ManifestParts } from './manifest-parts.ts';
import type { ContentReference, UsageIndex, UsageRecord, Use } from './usage-index.ts';

/** The part of our content store that can be counted. */
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
  /** Paths in the storage that could not be read, the first of them: the index is not complete unless there are none. */
  readonly unreadable: readonly string[];
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

type UnreadableListener = (error: UnreadablePathError) => void;

const BATCH = 200;
/** Paths that are told. */
const MAX_UNREADABLE = 10;

/**
 * Makes the index say what storage has. What it knows of use stays. May run while the store is in use: what comes meanwhile
 * is recorded as ever. The index is not complete afterwards when something could not be read.
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

/** @returns how many the index did not have */
async function addLinks(options: RebuildOptions, onUnreadable: UnreadableListener): Promise<number> {
  const { store, onProgress } = options;
  const repositories: string[] = [];
  for await (const repository of store.repositories.walk(onUnreadable)) repositories.push(repository);
  let added = 0;
  for (const [done, repository] of repositories.entries()) {
    onProgress?.({ phase: 'repositories', done, total: repositories.length });
    try {
      for await (const count of addRepository(options, repository)) added += count;
    } catch (err) {
      if (!(err instanceof UnreadablePathError)) throw err;
      onUnreadable(err);
    }
  }
  return added;
}

/** Yields how many were added, batch by batch. */
async function* addRepository(options: RebuildOptions, repository: string): AsyncGenerator<number, void, void> {
  let batch: ContentReference[] = [];
  for await (const link of options.store.repositories.links(repository)) {
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
    const size = await store.bytes.size(digest);
    // A directory can stay behind without its link, and a link without its bytes.
    if (size === undefined || !(known || (await store.repositories.isLinked(repository, reference)))) continue;
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
        (await mayBeLinked(store, record.repository, record)) && (await mayBeStored(store, record.digest));
      if (await isThere()) continue;
      // Again, when nobody is about to link it.
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

/** Whether bytes of the digest are stored, or may be as nobody can look. */
async function mayBeStored(store: CountedStore, digest: Digest): Promise<boolean> {
  try {
    return (await store.bytes.size(digest)) !== undefined;
  } catch (err) {
    if (err instanceof UnreadablePathError) return true;
    throw err;
  }
}

/** What nobody links is swept like what was left behind. */
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
    if ((await index.holders(bytes.digest)).length === 0) await index.recordUnreferenced(bytes);
  }
}
