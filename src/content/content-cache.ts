import type { DescriptorCache } from '../cache/descriptor-cache.ts';
import { type BoundedCache, createCountedCache, createSizedCache } from '../cache/lru.ts';
import { type Clock, SYSTEM_CLOCK } from '../clock/clock.ts';
import type { BlobStore } from './blobs.ts';
import type { DamageListener } from './damage.ts';
import type { ManifestStore } from './manifests.ts';
import type { RepositoryStore } from './repositories.ts';
import { type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts';
import { type ByteSource, MemorySource } from '../stream/byte-source.ts';
import type { ManifestReading } from '../oci/manifest.ts';
import { provenBlobs } from '../oci/possession.ts';
import type { ContentCopies, HeldBlob } from '../registry/held-content.ts';
import type { Manifest, RedirectRequest } from '../registry/registry.ts';

/** Blobs up to this size are served from memory: configs and small layers. Bytes. */
const SMALL_BLOB_BYTES = 64 * 1024;
const MANIFEST_CACHE_BYTES = 32 * 1024 * 1024;
const SMALL_BLOB_CACHE_BYTES = 32 * 1024 * 1024;
const MAX_MANIFEST_ENTRY_BYTES = 4 * 1024 * 1024;
const MAX_LINKS = 50_000;
/** For so long, content that another process removed may still be served. Milliseconds. */
const RECHECK_MS = 3_000;

const DONE = Promise.resolve();

/** The part of a content store that is cached in memory. */
export interface CachedStore {
  readonly blobs: Pick<BlobStore, 'open' | 'stat' | 'redirect' | 'protect' | 'protectedMs' | 'localFile'>;
  readonly manifests: Pick<ManifestStore, 'read' | 'put'>;
  readonly repositories: Pick<RepositoryStore, 'isLinked'>;
}

export interface ContentCacheOptions {
  readonly store: CachedStore;
  readonly descriptors: DescriptorCache;
  readonly onDamage: DamageListener;
  /** Clients are redirected to the storage for blobs. @default false */
  readonly redirect?: boolean;
  /** @default the clock of the system */
  readonly clock?: Pick<Clock, 'monotonic'>;
  /** Of this content, in other processes of the service. @default it has one process */
  readonly copies?: ContentCopies | undefined;
}

/**
 * Stored content, with small and frequently used content in memory. Content is addressed by its digest, so a cached copy is never out of date;
 * only removals must be reported.
 */
export class ContentCache {
  readonly #store: CachedStore;
  readonly #onDamage: DamageListener;
  readonly #manifests = createSizedCache<Manifest>({
    maxBytes: MANIFEST_CACHE_BYTES,
    maxEntryBytes: MAX_MANIFEST_ENTRY_BYTES,
    sizeOf: (manifest) => manifest.bytes.length + 512,
  });
  readonly #smallBlobs = createSizedCache<Uint8Array>({
    maxBytes: SMALL_BLOB_CACHE_BYTES,
    maxEntryBytes: SMALL_BLOB_BYTES,
    sizeOf: (bytes) => bytes.length + 512,
  });
  /** Blobs that a manifest of the repository proves, with the key of the manifest. A proof is valid while its manifest is in memory. */
  readonly #proven = createCountedCache<{ readonly by: string }>({ maxEntries: MAX_LINKS });
  readonly #damaged = createCountedCache({ maxEntries: MAX_LINKS });
  /** When the storage was last seen to have cached content. Milliseconds of {@link Clock.monotonic}. */
  readonly #seenAt = createCountedCache<{ readonly at: number }>({ maxEntries: MAX_LINKS });
  /** Counts removals. Content read before a removal may be the removed content, and is not cached. */
  #removals = 0;
  readonly #protectedBlobs: BoundedCache<object>;
  readonly #descriptors: DescriptorCache;
  readonly #redirects: boolean;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #copies: ContentCopies | undefined;

  constructor({ store, descriptors, onDamage, redirect = false, clock = SYSTEM_CLOCK, copies }: ContentCacheOptions) {
    const { protectedMs } = store.blobs;
    this.#store = store;
    this.#clock = clock;
    this.#protectedBlobs = createCountedCache({ maxEntries: MAX_LINKS, ttlMs: protectedMs, now: clock.monotonic });
    this.#descriptors = descriptors;
    this.#onDamage = onDamage;
    this.#redirects = redirect;
    this.#copies = copies;
    descriptors.subscribe({
      removed: (repository, digest) => void this.#drop(repository, digest),
      missed: () => {
        this.#manifests.clear();
        this.#smallBlobs.clear();
        void copies?.forgetAll();
      },
    });
  }

  /** Where a client can fetch a blob directly. Undefined at once when redirects are off, or the blob is in memory. */
  redirectBlob(
    repository: string,
    digest: Digest,
    request: RedirectRequest,
  ): Promise<{ readonly url: string; readonly size: number } | undefined> | undefined {
    const isServed = !this.#redirects || this.#smallBlobs.get(keyOf(repository, digest)) || this.isDamaged(digest);
    return isServed ? undefined : this.#redirect(repository, digest, request);
  }

  async #redirect(repository: string, digest: Digest, request: RedirectRequest) {
    const redirect = await this.#store.blobs.redirect(repository, digest, request);
    // Small blobs are served from memory, from the second request on.
    return redirect && redirect.size > SMALL_BLOB_BYTES ? redirect : undefined;
  }

  /** Without I/O. */
  manifestInMemory(repository: string, digest: Digest): Manifest | undefined {
    return this.#manifests.get(keyOf(repository, digest));
  }

  async findManifest(repository: string, digest: Digest): Promise<Manifest | undefined> {
    const key = keyOf(repository, digest);
    const cached = this.#manifests.get(key);
    if (cached) return cached;
    const removals = this.#removals;
    const found = await this.#store.manifests.read(repository, digest);
    if (!found) return undefined;
    const manifest = { ...found.stored, size: found.stored.bytes.length };
    if (removals === this.#removals) this.remember(repository, manifest, found.reading);
    return manifest;
  }

  /**
   * For content that clients can delete through another process. Before content is served from memory, checks every few seconds whether the
   * repository still has it.
   */
  async recheck(repository: string, digest: Digest, kind: 'manifest' | 'blob'): Promise<void> {
    const key = keyOf(repository, digest);
    const memories = kind === 'manifest' ? [this.#manifests] : [this.#smallBlobs, this.#protectedBlobs];
    if (memories.every((memory) => memory.get(key) === undefined)) return;
    const now = this.#clock.monotonic();
    const seenAt = this.#seenAt.get(key)?.at ?? -Infinity;
    if (now - seenAt < RECHECK_MS) return;
    const removals = this.#removals;
    if (!(await this.#store.repositories.isLinked(repository, { digest, kind }))) await this.forget(repository, digest);
    else if (removals === this.#removals) this.#seenAt.set(key, { at: now });
  }

  /** @param manifest its bytes are verified @param reading the parsed bytes */
  async putManifest(repository: string, manifest: Manifest, reading: ManifestReading): Promise<void> {
    const { digest, bytes, mediaType: servedAs } = manifest;
    await this.#store.manifests.put(repository, digest, bytes, { servedAs, reading });
    this.remember(repository, manifest, reading);
  }

  /** Whether a cached manifest of the repository proves that its upstream has the blob, see {@link provenBlobs}. */
  isReferenced(repository: string, digest: Digest): boolean {
    const proof = this.#proven.get(keyOf(repository, digest));
    return proof !== undefined && this.#manifests.get(proof.by) !== undefined;
  }

  /** Whether the stored bytes are wrong, for every repository, until they are stored again. */
  isDamaged(digest: Digest): boolean {
    return this.#damaged.get(digest) !== undefined;
  }

  /** Size in bytes, from a descriptor when there is one. Undefined when the repository does not have the blob. */
  async blobSize(repository: string, digest: Digest): Promise<number | undefined> {
    const inMemory = this.#smallBlobs.get(keyOf(repository, digest));
    if (inMemory) return inMemory.length;
    const known = await this.#descriptors.get(repository, digest);
    if (known) return known.size;
    const removals = this.#removals;
    const size = await this.#store.blobs.stat(repository, digest);
    if (size !== undefined && removals === this.#removals) this.#descriptors.set(repository, digest, size);
    return size;
  }

  /** As {@link blobSize}, for a client that will not send a blob that exists: it is not collected as garbage for a while. */
  async protectBlob(repository: string, digest: Digest): Promise<number | undefined> {
    const key = keyOf(repository, digest);
    if (this.#protectedBlobs.get(key)) return this.blobSize(repository, digest);
    const size = await this.#store.blobs.protect(repository, digest);
    if (size !== undefined) this.#protectedBlobs.set(key, {});
    return size;
  }

  /** From storage, not from a descriptor. The caller closes the source. Undefined when the repository does not have the blob, or it is damaged. */
  async openBlob(repository: string, digest: Digest): Promise<ByteSource | undefined> {
    const key = keyOf(repository, digest);
    const small = this.#smallBlobs.get(key);
    if (small) return new MemorySource(small);
    const removals = this.#removals;
    const source = await this.#store.blobs.open(repository, digest);
    if (!source) {
      this.#descriptors.remove(repository, digest);
      return undefined;
    }
    if (removals === this.#removals) this.#descriptors.set(repository, digest, source.size);
    if (source.size > SMALL_BLOB_BYTES) return source;
    const bytes = await readWhole(source);
    if (digestOf(bytes, digestAlgorithm(digest)) !== digest) {
      this.#damaged.set(digest, {});
      this.#descriptors.remove(repository, digest);
      this.#onDamage({ path: key, reason: 'wrong-bytes' });
      return undefined;
    }
    this.#damaged.delete(digest);
    if (removals === this.#removals) this.#smallBlobs.set(key, bytes);
    return new MemorySource(bytes);
  }

  /** Records that the repository has the blob now, and that its stored bytes are right. */
  blobStored(repository: string, digest: Digest, size: number): void {
    this.#damaged.delete(digest);
    this.#descriptors.set(repository, digest, size);
  }

  /**
   * Without I/O: a blob that the repository has, as far as this process knows, with its bytes or the local file that has them.
   * Absent when clients are redirected to the storage.
   */
  blobInMemory(repository: string, digest: Digest): { size: number; source: HeldBlob['source'] } | undefined {
    if (this.#redirects || this.isDamaged(digest)) return undefined;
    const bytes = this.#smallBlobs.get(keyOf(repository, digest));
    if (bytes) return { size: bytes.length, source: { bytes } };
    const size = this.#descriptors.inMemory(repository, digest)?.size;
    const file = size !== undefined && size > SMALL_BLOB_BYTES ? this.#store.blobs.localFile(digest) : undefined;
    return size === undefined || file === undefined ? undefined : { size, source: { file } };
  }

  /** Records that the repository no longer has the content. Resolves when no process of the service serves a copy. */
  forget(repository: string, digest: Digest): Promise<void> {
    const forgotten = this.#drop(repository, digest);
    this.#descriptors.forget(repository, digest);
    return forgotten;
  }

  #drop(repository: string, digest: Digest): Promise<void> {
    const key = keyOf(repository, digest);
    this.#removals += 1;
    this.#seenAt.delete(key);
    this.#protectedBlobs.delete(key);
    this.#manifests.delete(key);
    this.#smallBlobs.delete(key);
    this.#descriptors.remove(repository, digest);
    return this.#copies?.forget(repository, digest) ?? DONE;
  }

  /** Caches a manifest that the repository has. @param reading absent when it proves nothing */
  remember(repository: string, manifest: Manifest, reading?: ManifestReading): void {
    const by = keyOf(repository, manifest.digest);
    this.#manifests.set(by, manifest);
    if (!reading) return;
    for (const digest of provenBlobs(reading, manifest.mediaType)) this.#proven.set(keyOf(repository, digest), { by });
  }
}

async function readWhole(source: ByteSource): Promise<Uint8Array> {
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.read({ start: 0, end: source.size })) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  } finally {
    await source.close();
  }
}

function keyOf(repository: string, digest: Digest): string {
  return `${repository}@${digest}`;
}
