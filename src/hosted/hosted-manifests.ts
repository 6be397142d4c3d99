import type { BlobStore } from '../content/blobs.ts';
import type { ManifestStore } from '../content/manifests.ts';
import type { TagStore } from '../content/tags.ts';
import { type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { parsePushedManifest } from '../oci/pushed-manifest.ts';
import { type Reference, referenceText } from '../oci/reference.ts';
import { checkClass } from './manifest-class.ts';
import { type ManifestValidation, needsOf } from './manifest-needs.ts';
import type {
  CallOptions,
  ManifestPut,
  PushedManifest,
  RegistryDeleter,
  RegistryWriter,
} from '../registry/registry.ts';
import type { ContentCache } from '../content/content-cache.ts';

/** Errors of one response. */
const MAX_LISTED = 100;

/** Which pushes and deletes are accepted. */
export interface PushPolicy {
  /** Off: deleting rejects with `UNSUPPORTED`. */
  readonly deletes: boolean;
  /** What a manifest must satisfy; absent: it may refer to content that is not stored. */
  readonly validation: ManifestValidation | undefined;
  /** Classes of images that are accepted, `image` or `plugin`; empty: all. */
  readonly classes: readonly string[];
}

/** The part of a content store that pushes and deletes need. */
export interface WritableStore {
  readonly blobs: Pick<BlobStore, 'delete'>;
  readonly manifests: Pick<ManifestStore, 'push' | 'delete'>;
  readonly tags: Pick<TagStore, 'delete'>;
}

export interface HostedManifestsOptions {
  readonly store: WritableStore;
  readonly content: ContentCache;
  readonly policy: PushPolicy;
}

/** Pushes of manifests into storage, and deletes. */
export class HostedManifests implements Pick<RegistryWriter, 'putManifest'>, RegistryDeleter {
  readonly #options: HostedManifestsOptions;

  constructor(options: HostedManifestsOptions) {
    this.#options = options;
  }

  async putManifest(repository: string, pushed: PushedManifest, options?: CallOptions): Promise<ManifestPut> {
    options?.signal?.throwIfAborted();
    const { bytes, mediaType, reference, tags } = pushed;
    const { store, content, policy } = this.#options;
    const digest = digestFor(reference, bytes);
    const manifest = parsePushedManifest(bytes, mediaType);
    checkClass(manifest, policy.classes);
    const needs = needsOf(manifest, policy.validation);
    const names = new Set([...(reference.kind === 'tag' ? [reference.tag] : []), ...tags]);
    const checked = { digest, bytes, tags: [...names], needs, parsed: manifest };
    const missing = await store.manifests.push(repository, checked);
    if (missing.length > 0) throw unknownParts(missing);
    const put = { digest, size: bytes.length, mediaType: manifest.mediaType };
    content.remember(repository, { ...put, bytes });
    return { ...put, subject: manifest.subject?.digest, references: manifest.references };
  }

  async deleteManifest(repository: string, reference: Reference, options?: CallOptions): Promise<readonly string[]> {
    options?.signal?.throwIfAborted();
    this.#checkDeletable('GET, HEAD, PUT, OPTIONS');
    const tags = await this.#deleteReference(repository, reference);
    if (tags) return tags;
    throw new RegistryError('MANIFEST_UNKNOWN', 'manifest unknown', {
      detail: { name: repository, reference: referenceText(reference) },
    });
  }

  /** @returns the deleted tags; undefined when there was nothing to delete */
  async #deleteReference(repository: string, reference: Reference): Promise<readonly string[] | undefined> {
    const { store } = this.#options;
    if (reference.kind === 'tag') {
      return (await store.tags.delete(repository, reference.tag)) ? [reference.tag] : undefined;
    }
    return this.#forgetting(repository, reference.digest, () => store.manifests.delete(repository, reference.digest));
  }

  async deleteBlob(repository: string, digest: Digest, options?: CallOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    const { store } = this.#options;
    this.#checkDeletable('GET, HEAD, OPTIONS');
    if (await this.#forgetting(repository, digest, () => store.blobs.delete(repository, digest))) return;
    throw new RegistryError('BLOB_UNKNOWN', 'blob unknown to registry', { detail: { digest } });
  }

  /** Afterwards the content is not in memory, nor added by a read that started before. */
  async #forgetting<T>(repository: string, digest: Digest, remove: () => Promise<T>): Promise<T> {
    try {
      return await remove();
    } finally {
      await this.#options.content.forget(repository, digest);
    }
  }

  /** @param allow the methods that remain, for `Allow` */
  #checkDeletable(allow: string): void {
    if (this.#options.policy.deletes) return;
    throw new RegistryError('UNSUPPORTED', 'deletion is off: set storage.delete.enabled', {
      headers: { allow },
    });
  }
}

/** @throws {RegistryError} `DIGEST_INVALID` */
function digestFor(reference: Reference, bytes: Uint8Array): Digest {
  if (reference.kind === 'tag') return digestOf(bytes);
  const actual = digestOf(bytes, digestAlgorithm(reference.digest));
  if (actual === reference.digest) return actual;
  throw new RegistryError('DIGEST_INVALID', 'provided digest did not match uploaded content', {
    detail: { provided: reference.digest, actual },
  });
}

/** One error for each blob, like distribution. A manifest can refer to tens of thousands. */
function unknownParts(missing: readonly Digest[]): RegistryError {
  const [first, ...rest] = missing.slice(0, MAX_LISTED).map((digest) => ({ digest }));
  const error = (detail: object | undefined, others: readonly RegistryError[] = []) =>
    new RegistryError('MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry', { detail, others });
  const more = missing.length > MAX_LISTED ? [{ more: `only the first ${MAX_LISTED} are listed` }] : [];
  return error(
    first,
    [...rest, ...more].map((detail) => error(detail)),
  );
}
