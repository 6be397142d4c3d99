import { type BoundedCache, createCountedCache } from '../cache/lru.ts';
import type { RepositoryStore } from '../content/repositories.ts';
import type { StoredBytes } from '../content/stored-bytes.ts';
import type { TagStore } from '../content/tags.ts';
import type { Digest } from '../oci/digest.ts';
import type { ContentCopies } from '../registry/held-content.ts';
import type { TagAge } from './freshness.ts';

/** The manifest that a tag last resolved to. */
export interface TagEntry extends TagAge {
  readonly digest: Digest;
  /** The upstream's description of the manifest; absent when the entry comes from storage. */
  readonly described?: { readonly mediaType: string; readonly size: number };
}

/** The part of a content store that tags need. */
export interface TaggedStore {
  readonly bytes: Pick<StoredBytes, 'locked'>;
  readonly repositories: Pick<RepositoryStore, 'isLinked'>;
  readonly tags: Pick<TagStore, 'find' | 'put' | 'delete'>;
}

export interface TagEntriesOptions {
  /** Their number. @default 1 */
  readonly upstreams?: number;
  /** Called when an upstream has confirmed what a tag refers to. */
  readonly onConfirmed?: TagListener | undefined;
  /** Of these tags, in other processes of the service. @default it has one process */
  readonly copies?: ContentCopies | undefined;
}

/** @param repository its stored name @param at unix milliseconds */
export type TagListener = (
  repository: string,
  tag: string,
  named: { readonly digest: Digest; readonly at: number },
) => Promise<void>;

const DONE = Promise.resolve();
const MAX_ENTRIES_PER_UPSTREAM = 20_000;

/**
 * Tags in memory, in front of those in storage. A tag is written to storage only when its manifest is stored: otherwise an offline start
 * would lose the manifest that it referred to before.
 */
export class TagEntries {
  readonly #store: TaggedStore;
  readonly #copies: ContentCopies | undefined;
  readonly #onConfirmed: TagListener | undefined;
  readonly #entries: BoundedCache<TagEntry>;
  /** Tags that wait for their manifest, by repository and digest. */
  readonly #pending: BoundedCache<Set<string>>;
  /** Counts calls of {@link forget}. An entry read before one may be the forgotten one, and is not cached. */
  #forgotten = 0;

  constructor(store: TaggedStore, { upstreams = 1, copies, onConfirmed }: TagEntriesOptions = {}) {
    this.#store = store;
    this.#copies = copies;
    this.#onConfirmed = onConfirmed;
    const maxEntries = MAX_ENTRIES_PER_UPSTREAM * Math.max(1, upstreams);
    this.#entries = createCountedCache({ maxEntries });
    this.#pending = createCountedCache({ maxEntries });
  }

  /** Without I/O. */
  inMemory(repository: string, tag: string): TagEntry | undefined {
    return this.#entries.get(tagKey(repository, tag));
  }

  /** The latest known entry, whether its manifest is stored or not. */
  async find(repository: string, tag: string): Promise<TagEntry | undefined> {
    const known = this.inMemory(repository, tag);
    if (known) return known;
    const forgotten = this.#forgotten;
    const entry = await this.findStored(repository, tag);
    if (entry && forgotten === this.#forgotten) this.#entries.set(tagKey(repository, tag), entry);
    return entry;
  }

  /** The latest entry whose manifest was stored. */
  async findStored(repository: string, tag: string): Promise<TagEntry | undefined> {
    const stored = await this.#store.tags.find(repository, tag);
    return stored && { digest: stored.digest, checkedAt: stored.checkedAt.getTime() };
  }

  /** Records the upstream's response for a tag. @param isStored whether the manifest is in storage */
  async confirm(repository: string, tag: string, entry: TagEntry, isStored: boolean): Promise<void> {
    const before = this.inMemory(repository, tag);
    this.#entries.set(tagKey(repository, tag), entry);
    // Clients do not wait for it.
    void this.#onConfirmed?.(repository, tag, { digest: entry.digest, at: entry.checkedAt });
    if (before?.digest !== entry.digest) await this.#copies?.forgetTag(repository, tag);
    if (isStored) {
      await this.#store.tags.put(repository, tag, entry.digest);
      return;
    }
    const waiting = this.#pending.get(manifestKey(repository, entry.digest)) ?? new Set();
    this.#pending.set(manifestKey(repository, entry.digest), waiting.add(tag));
  }

  /** The tag was removed from storage, or has another manifest there. Resolves when no process of the service serves it from memory. */
  forget(repository: string, tag: string): Promise<void> {
    this.#forgotten++;
    this.#entries.delete(tagKey(repository, tag));
    return this.#copies?.forgetTag(repository, tag) ?? DONE;
  }

  /** Removes it from storage and memory. */
  async remove(repository: string, tag: string): Promise<void> {
    // Before, so that a removed tag is not served from memory; and after, because it may have been read in between.
    await this.forget(repository, tag);
    await this.#store.tags.delete(repository, tag);
    await this.forget(repository, tag);
  }

  /** Suspends revalidation until `retryAt`, in Unix milliseconds. */
  hold(repository: string, tag: string, retryAt: number): void {
    const entry = this.inMemory(repository, tag);
    if (entry) this.#entries.set(tagKey(repository, tag), { ...entry, retryAt });
  }

  /** The manifest is stored: the tags that refer to it by now are written. */
  async manifestStored(repository: string, digest: Digest): Promise<void> {
    const key = manifestKey(repository, digest);
    const waiting = this.#pending.get(key);
    if (!waiting) return;
    this.#pending.delete(key);
    for (const tag of waiting) {
      const current = this.inMemory(repository, tag);
      if (current?.digest === digest) await this.#putStored(repository, tag, digest);
    }
  }

  /** Other digests that the tags which wait for a manifest have in storage. */
  async replacedBy(repository: string, digest: Digest): Promise<readonly Digest[]> {
    const waiting = [...(this.#pending.get(manifestKey(repository, digest)) ?? [])];
    const stored = await Promise.all(waiting.map((tag) => this.findStored(repository, tag)));
    return stored.flatMap((entry) => (entry && entry.digest !== digest ? [entry.digest] : []));
  }

  /** Unless the manifest was evicted meanwhile: the tag would be dangling. */
  #putStored(repository: string, tag: string, digest: Digest): Promise<void> {
    return this.#store.bytes.locked(digest, async () => {
      const isThere = await this.#store.repositories.isLinked(repository, { digest, kind: 'manifest' });
      if (isThere) await this.#store.tags.put(repository, tag, digest);
    });
  }

  /**
   * The upstream did not return a manifest that it referred to: the waiting tags get their entries from storage, and are not revalidated
   * before `retryAt`, in Unix milliseconds.
   */
  async manifestFailed(repository: string, digest: Digest, retryAt: number): Promise<void> {
    const key = manifestKey(repository, digest);
    const waiting = this.#pending.get(key);
    if (!waiting) return;
    this.#pending.delete(key);
    for (const tag of waiting) {
      if (this.inMemory(repository, tag)?.digest !== digest) continue;
      const before = await this.findStored(repository, tag);
      if (before) this.#entries.set(tagKey(repository, tag), { ...before, retryAt });
      else this.#entries.delete(tagKey(repository, tag));
    }
  }
}

function tagKey(repository: string, tag: string): string {
  return `${repository}:${tag}`;
}

function manifestKey(repository: string, digest: Digest): string {
  return `${repository}@${digest}`;
}
