import type { ManifestStore } from '../content/manifests.ts';
import type { ReferrerStore } from '../content/referrers.ts';
import type { RepositoryStore } from '../content/repositories.ts';
import type { TagStore } from '../content/tags.ts';
import { type Descriptor, OCTET_STREAM } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { Page, PageRequest } from '../oci/pagination.ts';
import type { ReferrersPage, ReferrersQuery } from '../oci/referrers-page.ts';
import { type Reference, referenceText } from '../oci/reference.ts';
import type {
  CallOptions,
  Manifest,
  ManifestPut,
  OpenBlob,
  PushedManifest,
  RedirectedBlob,
  RedirectRequest,
  Registry,
  Served,
} from '../registry/registry.ts';
import type { HeldBlob, HeldContent, HeldManifest } from '../registry/held-content.ts';
import type { ContentCache } from '../content/content-cache.ts';
import type { UploadStore } from '../content/uploads.ts';
import { BlobMounts, type MountableStore } from './blob-mounts.ts';
import { HostedManifests, type PushPolicy, type WritableStore } from './hosted-manifests.ts';
import { HostedUploads } from './hosted-uploads.ts';
import type { UploadSecrets } from './upload-secrets.ts';

/** For so long, content that another process deleted may still be held. Milliseconds. */
const HELD_MS = 3_000;
const STORED = { outcome: 'HIT', upstream: undefined } as const;

/** The part of a content store that is not served from memory. */
export interface ReadableStore {
  readonly manifests: Pick<ManifestStore, 'isDamaged'>;
  readonly tags: Pick<TagStore, 'find' | 'list'>;
  readonly referrers: Pick<ReferrerStore, 'list'>;
  readonly repositories: Pick<RepositoryStore, 'list'>;
}

export interface HostedRegistryOptions {
  readonly store: ReadableStore & WritableStore & MountableStore;
  /** The same content in memory. */
  readonly content: ContentCache;
  readonly uploads: UploadStore;
  readonly policy: PushPolicy;
  /** Sign the URLs of upload sessions. */
  readonly secrets: UploadSecrets;
  /** Stored names of repositories that are known to have a blob, for mounts without a source. */
  readonly holders: (digest: Digest, limit: number) => Promise<readonly string[]>;
  /** Unix milliseconds. @default Date.now */
  readonly now?: () => number;
}

/** A registry of stored content: pushed here, or cached from an upstream. Repositories have their stored names. */
export class HostedRegistry implements Registry {
  readonly uploads: HostedUploads;
  /** By digest only: tags may be pushed through another process that shares the storage. */
  readonly held: HeldContent;
  readonly #store: ReadableStore;
  readonly #content: ContentCache;
  readonly #manifests: HostedManifests;

  constructor({ store, content, uploads, policy, secrets, holders, now = Date.now }: HostedRegistryOptions) {
    const mounts = new BlobMounts({ blobs: store.blobs, holders });
    this.uploads = new HostedUploads({ uploads, mounts, secrets, content, now });
    this.#store = store;
    this.#content = content;
    this.#manifests = new HostedManifests({ store, content, policy });
    this.held = {
      manifest: (repository, reference) => this.#heldManifest(repository, reference),
      blob: (repository, digest) => this.#heldBlob(repository, digest),
    };
  }

  async resolveManifest(repository: string, reference: Reference, options?: CallOptions): Promise<Served<Descriptor>> {
    return this.getManifest(repository, reference, options);
  }

  async getManifest(repository: string, reference: Reference, options?: CallOptions): Promise<Served<Manifest>> {
    options?.signal?.throwIfAborted();
    const digest =
      reference.kind === 'digest' ? reference.digest : (await this.#store.tags.find(repository, reference.tag))?.digest;
    if (digest) await this.#content.recheck(repository, digest, 'manifest');
    const manifest = digest && (await this.#content.findManifest(repository, digest));
    if (manifest) return { ...manifest, ...STORED };
    if (await this.#store.manifests.isDamaged(repository, reference)) throw damagedManifest(repository, reference);
    throw new RegistryError('MANIFEST_UNKNOWN', 'manifest unknown', {
      detail: { name: repository, reference: referenceText(reference) },
    });
  }

  async resolveBlob(repository: string, digest: Digest, options?: CallOptions): Promise<Served<Descriptor>> {
    options?.signal?.throwIfAborted();
    await this.#content.recheck(repository, digest, 'blob');
    const size = await this.#content.protectBlob(repository, digest);
    if (size === undefined) throw unknownBlob(digest);
    return { digest, size, mediaType: OCTET_STREAM, ...STORED };
  }

  async openBlob(repository: string, digest: Digest, options?: CallOptions): Promise<Served<OpenBlob>> {
    options?.signal?.throwIfAborted();
    await this.#content.recheck(repository, digest, 'blob');
    const source = await this.#content.openBlob(repository, digest);
    if (!source) throw unknownBlob(digest);
    return { digest, size: source.size, mediaType: OCTET_STREAM, source, ...STORED };
  }

  #heldManifest(repository: string, reference: Reference): HeldManifest | undefined {
    if (reference.kind === 'tag') return undefined;
    const manifest = this.#content.manifestInMemory(repository, reference.digest);
    return manifest && { ...manifest, forMs: HELD_MS };
  }

  /** A `HEAD` protects the blob from garbage collection. */
  #heldBlob(repository: string, digest: Digest): HeldBlob | undefined {
    const blob = this.#content.blobInMemory(repository, digest);
    return blob && { digest, mediaType: OCTET_STREAM, ...blob, forMs: HELD_MS, isGetOnly: true };
  }

  redirectBlob(
    repository: string,
    digest: Digest,
    request: RedirectRequest,
  ): Promise<Served<RedirectedBlob> | undefined> | undefined {
    const redirected = this.redirectStored(repository, digest, request);
    if (!redirected || request.method === 'GET') return redirected;
    return redirected.then(async (found) => {
      const size = found && (await this.#content.protectBlob(repository, digest));
      return size === undefined ? undefined : found;
    });
  }

  /** Like {@link redirectBlob}, for content that is cached and can be fetched again. */
  redirectStored(
    repository: string,
    digest: Digest,
    request: RedirectRequest,
  ): Promise<Served<RedirectedBlob> | undefined> | undefined {
    return this.#content
      .redirectBlob(repository, digest, request)
      ?.then((found) => found && { digest, mediaType: OCTET_STREAM, ...found, ...STORED });
  }

  async listTags(repository: string, page: PageRequest, options?: CallOptions): Promise<Served<Page<string>>> {
    options?.signal?.throwIfAborted();
    const tags = await this.#store.tags.list(repository, page);
    if (tags) return { ...tags, ...STORED };
    throw new RegistryError('NAME_UNKNOWN', 'repository name not known to registry', { detail: { name: repository } });
  }

  async listReferrers(
    repository: string,
    digest: Digest,
    query: ReferrersQuery,
    options?: CallOptions,
  ): Promise<Served<ReferrersPage>> {
    options?.signal?.throwIfAborted();
    return { ...(await this.#store.referrers.list(repository, digest, query)), ...STORED };
  }

  /** All repositories in storage, those of upstreams included. */
  async listRepositories({ n = Infinity, ...page }: PageRequest, options?: CallOptions): Promise<Page<string>> {
    options?.signal?.throwIfAborted();
    return this.#store.repositories.list({ n, ...page });
  }

  putManifest(repository: string, manifest: PushedManifest, options?: CallOptions): Promise<ManifestPut> {
    return this.#manifests.putManifest(repository, manifest, options);
  }

  deleteManifest(repository: string, reference: Reference, options?: CallOptions): Promise<readonly string[]> {
    return this.#manifests.deleteManifest(repository, reference, options);
  }

  deleteBlob(repository: string, digest: Digest, options?: CallOptions): Promise<void> {
    return this.#manifests.deleteBlob(repository, digest, options);
  }

  /** Resolves when all writes have ended. Called after the last request. */
  close(): Promise<void> {
    return this.uploads.close();
  }
}

/** docs/decisions/, "A damaged hosted manifest is an error". */
function damagedManifest(repository: string, reference: Reference): RegistryError {
  const message = 'the stored manifest is damaged: push it again, or delete the tag';
  const detail = { name: repository, reference: referenceText(reference) };
  return new RegistryError('UNAVAILABLE', message, { detail, status: 500 });
}

function unknownBlob(digest: Digest): RegistryError {
  return new RegistryError('BLOB_UNKNOWN', 'blob unknown to registry', { detail: { digest } });
}
