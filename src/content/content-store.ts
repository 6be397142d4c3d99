import type { Digest } from '../oci/digest.ts';
import type { Page, PageRequest } from '../oci/pagination.ts';
import type { Reference } from '../oci/reference.ts';
import type { ReferrersPage, ReferrersQuery } from '../oci/referrers-page.ts';
import type { Adoption, RedirectRequest, StorageDriver, UnreadablePathError } from '../storage/driver.ts';
import type { StagedFile } from '../storage/staging.ts';
import type { ByteSource } from '../stream/byte-source.ts';
import { BlobStore } from './blobs.ts';
import { type CatalogRequest, listRepositories } from './catalog.ts';
import type { DamageListener } from './damage.ts';
import { DigestLocks } from './digest-locks.ts';
import { removeEmptyRepository } from './empty-repository.ts';
import { CollectionGuard } from './garbage/collection-guard.ts';
import { GarbageCollector, type GarbageCollectorOptions } from './garbage/garbage-collector.ts';
import {
  type StoredBytes,
  type StoredLink,
  type WalkOptions,
  walkBytes,
  walkLinks,
  walkRepositories,
} from './inventory.ts';
import type { LinkLedger } from './link-ledger.ts';
import { Linking } from './linking.ts';
import { LinkStore } from './links.ts';
import { ManifestPush, type PushedContent } from './manifest-push.ts';
import { ManifestStore, type PutManifestOptions, type ReadManifest, type StoredManifest } from './manifests.ts';
import type { UnreadableListener } from './readable.ts';
import { ReferrerStore } from './referrers.ts';
import { type FoundTag, TagStore } from './tags.ts';
import { UnrecordedLinks } from './unrecorded-links.ts';

/** A link younger than this share of the grace shows well enough that somebody relies on it. */
const FRESH = 0.25;
const GRACE_MS = 3_600_000;
const MAX_REPORTED = 1_000;

export type CollectorOptions = Pick<
  GarbageCollectorOptions,
  'isCollected' | 'isHeld' | 'onForgotten' | 'onBytesRemoved' | 'now'
>;

export interface ContentStoreOptions {
  readonly driver: StorageDriver;
  /** Told of everything that is found damaged, each time. */
  readonly onDamage: DamageListener;
  /** Undefined: nobody keeps a record. */
  readonly ledger?: LinkLedger | undefined;
  /** Nothing is written because somebody reads. @default false */
  readonly readOnly?: boolean;
  /** How long it may take until a collection of garbage by another process is noticed. Milliseconds. */
  readonly noticeMs?: number;
  /** How old links are that a collection of garbage may remove. Milliseconds. */
  readonly graceMs?: number;
}

/**
 * Our own registry content over a storage driver, in distribution's layout: either serves what the other wrote.
 * Damaged content counts as absent.
 *
 * Names are checked by callers; one that would lead elsewhere is a `RegistryError` or an `InvalidPathError` all the same.
 * Whatever writes can fail with a `StorageFullError`, and then nothing of it is seen.
 */
export class ContentStore {
  readonly #driver: StorageDriver;
  readonly #ledger: LinkLedger | undefined;
  readonly #blobs: BlobStore;
  readonly #manifests: ManifestStore;
  readonly #tags: TagStore;
  readonly #referrers: ReferrerStore;
  /** Whoever links content, or removes its bytes, does so alone: no link without bytes, no bytes removed under a new link. */
  readonly #locks = new DigestLocks<Digest>();
  readonly #links: LinkStore;
  readonly #freshMs: number;
  readonly #guard: CollectionGuard;
  readonly #linking: Linking;
  readonly #push: ManifestPush;
  readonly #onDamage: DamageListener;
  /** Directories that were reported: each is once. */
  readonly #unreadable = new Set<string>();
  /** Links that the ledger could not be told of, for whoever looks after the content. */
  readonly unrecorded: UnrecordedLinks;

  constructor(options: ContentStoreOptions) {
    const { driver, onDamage, ledger, readOnly = false, noticeMs, graceMs = GRACE_MS } = options;
    const links = new LinkStore({ driver, onDamage });
    this.#driver = driver;
    this.#onDamage = onDamage;
    this.#ledger = ledger;
    this.#links = links;
    this.#freshMs = graceMs * FRESH;
    this.#guard = new CollectionGuard({ driver, now: Date.now, ...(noticeMs !== undefined && { noticeMs }) });
    this.unrecorded = new UnrecordedLinks(driver);
    this.#blobs = new BlobStore({ driver, links, onDamage });
    this.#manifests = new ManifestStore({ driver, links, onDamage });
    this.#tags = new TagStore({ driver, links });
    this.#referrers = new ReferrerStore({ driver, links, manifests: this.#manifests, readOnly });
    const shared = {
      locks: this.#locks,
      blobs: this.#blobs,
      manifests: this.#manifests,
      referrers: this.#referrers,
      ledger,
    };
    this.#linking = new Linking({ ...shared, links, guard: this.#guard, readOnly, freshMs: this.#freshMs });
    this.#push = new ManifestPush({
      ...shared,
      tags: this.#tags,
      confirmLinked: (repository, digests) => this.#linking.confirm(repository, digests),
    });
  }

  /** The caller closes it. Undefined when the repository does not have it. */
  openBlob(repository: string, digest: Digest): Promise<ByteSource | undefined> {
    return this.#blobs.open(repository, digest);
  }

  /** Bytes; undefined when the repository does not have it. */
  statBlob(repository: string, digest: Digest): Promise<number | undefined> {
    return this.#blobs.stat(repository, digest);
  }

  /** Whether the bytes are stored, for whichever repository. */
  hasBytes(digest: Digest): Promise<boolean> {
    return this.#blobs.hasBytes(digest);
  }

  /** The bytes, whichever repository they belong to: the caller knows that the reader may have them, and closes them. */
  openBytes(digest: Digest): Promise<ByteSource | undefined> {
    return this.#blobs.openBytes(digest);
  }

  /** Makes stored bytes part of a repository. The caller knows that {@link hasBytes}; if they are gone since, nothing is linked. */
  linkBlob(repository: string, digest: Digest): Promise<void> {
    return this.#linking.linkBlob(repository, digest);
  }

  /** Where a client can fetch a blob by itself; undefined when it is to be served from here. */
  redirectBlob(
    repository: string,
    digest: Digest,
    request: RedirectRequest,
  ): Promise<{ readonly url: string; readonly size: number } | undefined> {
    return this.#blobs.redirect(repository, digest, request);
  }

  /** Begins to store a local file that is still growing; undefined when nothing is gained by it. */
  startCommit(digest: Digest, localFile: string, options: { readonly size: number }): Adoption | undefined {
    return this.#blobs.startCommit(digest, localFile, options);
  }

  /** Takes over a local file whose bytes the caller has verified; after a failure it may still be there. */
  commitBlob(repository: string, digest: Digest, localFile: string, started?: Adoption): Promise<void> {
    return this.#linking.commitBlob(repository, digest, localFile, started);
  }

  /**
   * Makes a staged file whose bytes the caller has verified a blob of the repository. The caller holds it, and lets it go.
   *
   * @throws {RegistryError} `UNAVAILABLE` when another process is collecting it as garbage
   */
  commitUpload(repository: string, digest: Digest, staged: StagedFile): Promise<void> {
    return this.#linking.commitUpload(repository, digest, staged);
  }

  /**
   * Makes a blob that another repository has part of this one. @returns its size; undefined when it is not there any more
   *
   * @throws {RegistryError} `UNAVAILABLE` when another process is collecting it as garbage
   */
  mountBlob(repository: string, digest: Digest, from: string): Promise<number | undefined> {
    return this.#linking.mountBlob(repository, digest, from);
  }

  /** The bytes stay, for other repositories. */
  deleteBlobLink(repository: string, digest: Digest): Promise<void> {
    return this.#blobs.deleteLink(repository, digest);
  }

  /** Verified. Undefined when the repository does not have it. */
  findManifest(repository: string, digest: Digest): Promise<StoredManifest | undefined> {
    return this.#manifests.find(repository, digest);
  }

  /** As {@link findManifest}, with what it says. */
  readManifest(repository: string, digest: Digest): Promise<ReadManifest | undefined> {
    return this.#manifests.read(repository, digest);
  }

  /** Whether it is there and cannot be read: to be asked when {@link findManifest} or {@link findTag} has found nothing. */
  async isManifestDamaged(repository: string, reference: Reference): Promise<boolean> {
    if (reference.kind === 'digest') return this.#manifests.isDamaged(repository, reference.digest);
    const found = await this.#tags.find(repository, reference.tag);
    return found ? this.#manifests.isDamaged(repository, found.digest) : this.#tags.isThere(repository, reference.tag);
  }

  /** @throws {RegistryError} `MANIFEST_INVALID`, or `DIGEST_INVALID` when the bytes are not those of the digest */
  async putManifest(
    repository: string,
    digest: Digest,
    bytes: Uint8Array,
    options: PutManifestOptions = {},
  ): Promise<void> {
    await this.#linking.putManifest(repository, digest, bytes, options);
  }

  /** Removes a manifest from a repository, with the tags that name it. The bytes stay. @returns those tags */
  async deleteManifestLink(repository: string, digest: Digest): Promise<string[]> {
    // The tags first: one that is left without its manifest is of no use.
    const tags = await this.#tags.forget(repository, digest);
    const subject = await this.#manifests.findSubject(repository, digest);
    await this.#manifests.deleteLink(repository, digest);
    if (subject) await this.#referrers.remove(repository, subject, digest);
    return tags;
  }

  /**
   * A manifest that a client pushes, with its tags: all of it, or nothing when something that it needs is not in the repository.
   *
   * @returns what is missing
   * @throws {RegistryError} `UNAVAILABLE` when another process is collecting what it needs
   */
  pushManifest(repository: string, pushed: PushedContent): Promise<readonly Digest[]> {
    return this.#push.put(repository, pushed);
  }

  /** As a client does: with the tags that name it. The bytes stay. @returns these tags; undefined when there was no such manifest */
  deleteManifest(repository: string, digest: Digest): Promise<readonly string[] | undefined> {
    return this.#locks.run(digest, async () => {
      if (!(await this.#manifests.isThere(repository, digest))) return undefined;
      const unlinked = await this.#ledger?.willUnlink({ repository, digest, kind: 'manifest' });
      const tags = await this.deleteManifestLink(repository, digest);
      await unlinked?.();
      return tags;
    });
  }

  /** As a client does. The manifest stays. @returns whether there was one */
  deleteTag(repository: string, tag: string): Promise<boolean> {
    return this.#tags.delete(repository, tag);
  }

  /** As a client does. The bytes stay. @returns whether there was one */
  deleteBlob(repository: string, digest: Digest): Promise<boolean> {
    return this.#locks.run(digest, async () => {
      const isThere = await this.#blobs.isLinked(repository, digest);
      if (!isThere) return false;
      const unlinked = await this.#ledger?.willUnlink({ repository, digest, kind: 'blob' });
      await this.#blobs.deleteLink(repository, digest);
      await unlinked?.();
      return true;
    });
  }

  /** Whether the repository links it; says nothing of the bytes. */
  isLinked(repository: string, { digest, kind }: StoredLink): Promise<boolean> {
    return kind === 'manifest' ? this.#manifests.has(repository, digest) : this.#blobs.isLinked(repository, digest);
  }

  /** Bytes that are stored, for whichever repository, whole or not; undefined when there are none. */
  storedSize(digest: Digest): Promise<number | undefined> {
    return this.#blobs.storedSize(digest);
  }

  /** Nobody else links the digest, or removes it, while `work` runs. Within it only what does not take the lock may be called. */
  locked<T>(digest: Digest, work: () => Promise<T>): Promise<T> {
    return this.#locks.run(digest, work);
  }

  /** As {@link locked}, for several digests at once. */
  lockedAll<T>(digests: Iterable<Digest>, work: () => Promise<T>): Promise<T> {
    return this.#locks.runAll(digests, work);
  }

  /** After so long {@link relyOnBlob} has to be asked again. Milliseconds; at least 1. */
  get relianceMs(): number {
    return Math.max(1, Math.floor(this.#freshMs));
  }

  /**
   * A client was told that the repository has the blob, and will not send it. A link that is old is made anew, so that everybody sees that
   * somebody relies on it.
   *
   * @returns its size; undefined when the repository does not have it
   */
  relyOnBlob(repository: string, digest: Digest): Promise<number | undefined> {
    return this.#linking.relyOnBlob(repository, digest);
  }

  /** So that nobody lists a repository without content; one that has any, or an upload, stays. */
  removeEmptyRepository(repository: string): Promise<void> {
    return removeEmptyRepository(this.#driver, repository);
  }

  /** Removes what nobody needs. */
  createCollector(options: CollectorOptions): GarbageCollector {
    const stores = { driver: this.#driver, links: this.#links, manifests: this.#manifests, tags: this.#tags };
    return new GarbageCollector({ ...options, stores, store: this, guard: this.#guard });
  }

  /** To be called {@link locked}, by somebody who knows that no repository links the digest. */
  deleteBytes(digest: Digest): Promise<void> {
    return this.#blobs.deleteBytes(digest);
  }

  /** To be called {@link locked}. Links stay, and are as good as none until the bytes are stored again. @returns where the bytes are now */
  quarantine(digest: Digest): Promise<string> {
    return this.#blobs.quarantine(digest);
  }

  /** Every tag of a repository with what it names. */
  tagsWithDigests(repository: string): Promise<{ readonly tag: string; readonly digest: Digest }[]> {
    return this.#tags.all(repository);
  }

  walkBytes(options: WalkOptions): AsyncGenerator<StoredBytes> {
    return walkBytes(this.#driver, options);
  }

  /** @param onUnreadable told of directories in which there may be more; also reported as damage */
  walkRepositories(onUnreadable: UnreadableListener = () => {}): AsyncGenerator<string, void, void> {
    return walkRepositories(this.#driver, (error) => {
      this.#reportUnreadable(error);
      onUnreadable(error);
    });
  }

  walkLinks(repository: string): AsyncGenerator<StoredLink, void, void> {
    return walkLinks(this.#driver, repository);
  }

  /** Does not say that the manifest is there. */
  findTag(repository: string, tag: string): Promise<FoundTag | undefined> {
    return this.#tags.find(repository, tag);
  }

  /** Also says that the tag has been checked now. */
  putTag(repository: string, tag: string, digest: Digest): Promise<void> {
    return this.#tags.put(repository, tag, digest);
  }

  /** In code point order; undefined when there is no such repository. */
  listTags(repository: string, page: PageRequest = {}): Promise<Page<string> | undefined> {
    return this.#tags.list(repository, page);
  }

  listRepositories(request: CatalogRequest): Promise<Page<string>> {
    return listRepositories(this.#driver, request, (error) => this.#reportUnreadable(error));
  }

  #reportUnreadable({ path }: UnreadablePathError): void {
    if (this.#unreadable.has(path)) return;
    if (this.#unreadable.size < MAX_REPORTED) this.#unreadable.add(path);
    this.#onDamage({ path, reason: 'unreadable' });
  }

  /** Empty when there are none. */
  listReferrers(repository: string, digest: Digest, query: ReferrersQuery = {}): Promise<ReferrersPage> {
    return this.#referrers.list(repository, digest, query);
  }
}
