import type { ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Page } from '../oci/pagination.ts';
import type { Adoption, StorageDriver } from '../storage/driver.ts';
import type { ByteSource } from '../stream/byte-source.ts';
import { BlobStore } from './blobs.ts';
import { type CatalogRequest, listRepositories } from './catalog.ts';
import type { DamageListener } from './damage.ts';
import { LinkStore } from './links.ts';
import { ManifestStore, type StoredManifest } from './manifests.ts';
import { ReferrerStore } from './referrers.ts';
import { type FoundTag, TagStore } from './tags.ts';

export interface ContentStoreOptions {
  readonly driver: StorageDriver;
  /** Told of everything that is found damaged, each time. */
  readonly onDamage: DamageListener;
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
  readonly #blobs: BlobStore;
  readonly #manifests: ManifestStore;
  readonly #tags: TagStore;
  readonly #referrers: ReferrerStore;

  constructor({ driver, onDamage }: ContentStoreOptions) {
    const links = new LinkStore({ driver, onDamage });
    this.#driver = driver;
    this.#blobs = new BlobStore({ driver, links, onDamage });
    this.#manifests = new ManifestStore({ driver, links, onDamage });
    this.#tags = new TagStore({ driver, links });
    this.#referrers = new ReferrerStore({ driver, manifests: this.#manifests });
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

  /** Makes stored bytes part of a repository. The caller knows that {@link hasBytes}. */
  linkBlob(repository: string, digest: Digest): Promise<void> {
    return this.#blobs.link(repository, digest);
  }

  /** Where a client can fetch a blob by itself; undefined when it is to be served from here. */
  redirectBlob(
    repository: string,
    digest: Digest,
    method: 'GET' | 'HEAD',
  ): Promise<{ readonly url: string; readonly size: number } | undefined> {
    return this.#blobs.redirect(repository, digest, method);
  }

  /** Begins to store a local file that is still growing; undefined when nothing is gained by it. */
  startCommit(digest: Digest, localFile: string, options: { readonly size: number }): Adoption | undefined {
    return this.#blobs.startCommit(digest, localFile, options);
  }

  /** Takes over a local file whose bytes the caller has verified; after a failure it may still be there. */
  commitBlob(repository: string, digest: Digest, localFile: string, started?: Adoption): Promise<void> {
    return this.#blobs.commit(repository, digest, localFile, started);
  }

  /** The bytes stay, for other repositories. */
  deleteBlobLink(repository: string, digest: Digest): Promise<void> {
    return this.#blobs.deleteLink(repository, digest);
  }

  /** Verified. Undefined when the repository does not have it. */
  findManifest(repository: string, digest: Digest): Promise<StoredManifest | undefined> {
    return this.#manifests.find(repository, digest);
  }

  /** @throws {RegistryError} `MANIFEST_INVALID`, or `DIGEST_INVALID` when the bytes are not those of the digest */
  putManifest(repository: string, digest: Digest, bytes: Uint8Array): Promise<void> {
    return this.#manifests.put(repository, digest, bytes);
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
  listTags(repository: string): Promise<string[] | undefined> {
    return this.#tags.list(repository);
  }

  listRepositories(request: CatalogRequest): Promise<Page<string>> {
    return listRepositories(this.#driver, request);
  }

  /** Empty when there are none. */
  listReferrers(repository: string, digest: Digest): Promise<ManifestDescriptor[]> {
    return this.#referrers.list(repository, digest);
  }
}
