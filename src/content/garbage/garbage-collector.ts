import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Digest } from '../../oci/digest.ts';
import type { BlobStore } from '../blobs.ts';
import { type StoredLink, walkDigests } from '../inventory.ts';
import { orUndefined } from '../links.ts';
import type { ManifestStore } from '../manifests.ts';
import { blobDataPath } from '../paths.ts';
import type { RepositoryStore } from '../repositories.ts';
import type { StoredBytes } from '../stored-bytes.ts';
import type { CollectionGuard } from './collection-guard.ts';
import {
  type CollectionProgress,
  type CollectionResult,
  CollectionRunningError,
  type CollectOptions,
} from './collection-result.ts';
import { type Scan, scanAll, stillGarbage } from './scan.ts';
import type { DeadLinks, ManifestMemory, MarkedStores, RepositoryMark } from './repository-mark.ts';

/** The part of a content store that a collection removes from. */
export interface CollectedStore {
  readonly bytes: Pick<StoredBytes, 'locked' | 'delete'>;
  readonly blobs: Pick<BlobStore, 'deleteLink'>;
  readonly manifests: Pick<ManifestStore, 'deleteLink'>;
  readonly repositories: Pick<RepositoryStore, 'removeEmpty'>;
}

export interface RemovedLink extends StoredLink {
  readonly repository: string;
  /** Tags that pointed to it and were removed with it. */
  readonly tags: readonly string[];
}

export interface GarbageCollectorOptions {
  readonly stores: MarkedStores;
  readonly store: CollectedStore;
  readonly guard: CollectionGuard;
  /** Repositories whose links may be removed. Of others, only bytes that no repository links are removed. */
  readonly isCollected: (repository: string) => boolean;
  /** Whether something other than a link needs the bytes, such as a fill. */
  readonly isHeld: (digest: Digest) => boolean;
  /** Called before and after a link is removed, so that it is not served from memory. */
  readonly onForgotten: (link: RemovedLink) => Promise<void>;
  readonly onBytesRemoved: (digest: Digest) => Promise<void>;
  readonly now: () => number;
}

/** Content to remove, and how. */
interface Candidate<T> {
  readonly digest: Digest;
  readonly result: T;
  readonly remove: () => Promise<void>;
}

/**
 * Removes garbage while the registry serves pulls and pushes: links of blobs that no manifest refers to, bytes that no repository links, and
 * on demand manifests that no tag leads to.
 *
 * It scans twice. Garbage of the first scan is announced, and removed only when it is still garbage at the second scan and was not linked
 * since: docs/decisions/020-what-a-collection-may-remove.md.
 */
export class GarbageCollector {
  readonly #options: GarbageCollectorOptions;

  constructor(options: GarbageCollectorOptions) {
    this.#options = options;
  }

  /** Removes the announcement of a process that ended. Call only when no other process collects in this storage. */
  async clearLeftovers(): Promise<void> {
    await this.#options.guard.announcement.clear();
  }

  /** @throws {CollectionRunningError} */
  async collect(options: CollectOptions): Promise<CollectionResult> {
    const { guard } = this.#options;
    if (options.dryRun) return this.#plan(await this.#scan(new Map(), options, 'marking'), options);
    if (!guard.begin()) throw new CollectionRunningError('a garbage collection is already running');
    const { announcement } = guard;
    try {
      if (await announcement.read())
        throw new CollectionRunningError('another process is collecting garbage in this storage');
      return await this.#collect(options);
    } finally {
      await announcement.end();
      guard.end();
    }
  }

  async #collect(options: CollectOptions): Promise<CollectionResult> {
    const { guard } = this.#options;
    const { announcement } = guard;
    const id = randomUUID();
    await announcement.begin(id);
    // From then on every process reads the announcement after each link.
    await sleep(2 * guard.noticeMs, undefined, { signal: options.signal });
    if (!(await announcement.isMine()))
      throw new CollectionRunningError('another process is collecting garbage in this storage');
    const memory: ManifestMemory = new Map();
    const first = await this.#scan(memory, options, 'marking');
    const plan = await this.#plan(first, options);
    const digests = [...plan.manifests, ...plan.links, ...plan.blobs].map(({ digest }) => digest);
    if (digests.length === 0) {
      await this.#removeEmpty(first, plan);
      return plan;
    }
    const marked = await announcement.mark(id, [...new Set(digests)]);
    const second = stillGarbage(first, await this.#scan(memory, options, 'checking'), memory);
    const result = await this.#remove(plan, { second, marked, options });
    await this.#removeEmpty(second, result);
    return result;
  }

  /** Repositories without content, whichever process removed the last of it. */
  async #removeEmpty({ marks }: Scan, { manifests, links }: CollectionResult): Promise<void> {
    const emptied = [...manifests, ...links].map(({ repository }) => repository);
    const empty = [...marks].filter(([, mark]) => mark.held.size === 0).map(([repository]) => repository);
    for (const repository of new Set([...emptied, ...empty])) {
      await this.#options.store.repositories.removeEmpty(repository);
    }
  }

  #scan(memory: ManifestMemory, options: CollectOptions, phase: CollectionProgress['phase']): Promise<Scan> {
    const { stores, isCollected, now } = this.#options;
    return scanAll({
      stores,
      isCollected,
      memory,
      policy: { ...options, youngSince: now() - options.graceMs },
      onRepository: (done, total) => {
        options.signal?.throwIfAborted();
        options.onProgress?.({ phase, done, total });
      },
    });
  }

  async #plan(scan: Scan, options: CollectOptions): Promise<CollectionResult> {
    const { marks, unreadable } = scan;
    const blobs = unreadable.length === 0 ? await this.#findUnreferenced(scan.held, options) : [];
    const damaged = listAll(marks, (mark) => mark.damaged).map((link) => ({
      ...link,
      reason: `${link.digest} is damaged or missing`,
    }));
    return {
      manifests: listAll(marks, ({ deadManifests }) => deadManifests.keys()),
      links: listAll(marks, ({ deadBlobs }) => deadBlobs.keys()),
      blobs,
      bytes: sum(blobs),
      skipped: [...damaged.map(({ repository, reason }) => ({ repository, reason })), ...unreadable],
      kept: 0,
    };
  }

  /** Bytes that nothing holds. */
  async #findUnreferenced(held: ReadonlySet<Digest>, { signal, onProgress }: CollectOptions) {
    const { driver } = this.#options.stores;
    const unreferenced: { digest: Digest; bytes: number }[] = [];
    const report = (progress: { done: number; total: number }) => onProgress?.({ phase: 'blobs', ...progress });
    for await (const digest of walkDigests(driver, { onProgress: report })) {
      signal?.throwIfAborted();
      if (held.has(digest) || this.#options.isHeld(digest)) continue;
      const info = await orUndefined(driver.stat(blobDataPath(digest)));
      if (info && !info.isDirectory) unreferenced.push({ digest, bytes: info.size });
    }
    return unreferenced;
  }

  async #remove(
    plan: CollectionResult,
    { second, marked, options }: { second: Scan; marked: ReadonlySet<Digest>; options: CollectOptions },
  ): Promise<CollectionResult> {
    const total = plan.manifests.length + plan.links.length + plan.blobs.length;
    let done = 0;
    const run = <T>(candidates: readonly Candidate<T>[]) =>
      this.#removeEach(candidates, marked, () => {
        options.signal?.throwIfAborted();
        options.onProgress?.({ phase: 'removing', done: done++, total });
      });
    const manifests = await run(this.#unlinking(second, 'manifest', (mark) => mark.deadManifests));
    const links = await run(this.#unlinking(second, 'blob', (mark) => mark.deadBlobs));
    const unreferenced = plan.blobs.filter(({ digest }) => second.unreadable.length === 0 && !second.held.has(digest));
    const blobs = await run(
      unreferenced.map((blob) => ({ digest: blob.digest, result: blob, remove: () => this.#removeBytes(blob.digest) })),
    );
    const kept = total - manifests.length - links.length - blobs.length;
    return { ...plan, manifests, links, blobs, bytes: sum(blobs), kept };
  }

  /** @returns the removed ones: not those that were linked meanwhile */
  async #removeEach<T>(
    candidates: readonly Candidate<T>[],
    marked: ReadonlySet<Digest>,
    onEach: () => void,
  ): Promise<T[]> {
    const { store, guard, isHeld } = this.#options;
    const removed: T[] = [];
    for (const { digest, result, remove } of candidates) {
      onEach();
      if (!marked.has(digest)) continue;
      await store.bytes.locked(digest, async () => {
        if (guard.isProtected(digest) || isHeld(digest)) return;
        const { distrust } = guard.announcement;
        if (distrust !== undefined) throw new Error(distrust);
        await remove();
        removed.push(result);
      });
    }
    return removed;
  }

  #unlinking({ marks }: Scan, kind: StoredLink['kind'], dead: (mark: RepositoryMark) => DeadLinks) {
    return listAll(marks, (mark) => dead(mark).keys()).map((garbage) => ({
      digest: garbage.digest,
      result: garbage,
      remove: () => this.#unlink({ ...garbage, kind }),
    }));
  }

  async #unlink(link: Omit<RemovedLink, 'tags'>): Promise<void> {
    const { store, onForgotten } = this.#options;
    await onForgotten({ ...link, tags: [] });
    let tags: readonly string[] = [];
    if (link.kind === 'manifest') tags = await store.manifests.deleteLink(link.repository, link.digest);
    else await store.blobs.deleteLink(link.repository, link.digest);
    await onForgotten({ ...link, tags });
  }

  async #removeBytes(digest: Digest): Promise<void> {
    const { store, onBytesRemoved } = this.#options;
    await store.bytes.delete(digest);
    await onBytesRemoved(digest);
  }
}

function listAll(marks: Scan['marks'], of: (mark: RepositoryMark) => Iterable<Digest>) {
  return [...marks].flatMap(([repository, mark]) => [...of(mark)].map((digest) => ({ repository, digest })));
}

function sum(blobs: readonly { readonly bytes: number }[]): number {
  return blobs.reduce((total, blob) => total + blob.bytes, 0);
}
