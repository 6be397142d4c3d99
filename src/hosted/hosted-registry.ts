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
  Manifest,
  OpenBlob,
  RedirectedBlob,
  RedirectRequest,
  RegistryReader,
  Served,
} from '../registry/registry.ts';
import type { ContentCache } from '../content/content-cache.ts';

/** The part of a content store that is not served from memory. */
export interface ListedStore {
  readonly manifests: Pick<ManifestStore, 'isDamaged'>;
  readonly tags: Pick<TagStore, 'find' | 'list'>;
  readonly referrers: Pick<ReferrerStore, 'list'>;
  readonly repositories: Pick<RepositoryStore, 'list'>;
}

const LOCAL = { outcome: 'HIT', upstream: undefined } as const;

/** What is stored here, and nothing else. Names are those of the storage. */
export class LocalRegistry implements RegistryReader {
  readonly #store: ListedStore;
  readonly #content: ContentCache;

  constructor(store: ListedStore, content: ContentCache) {
    this.#store = store;
    this.#content = content;
  }

  async resolveManifest(repository: string, reference: Reference): Promise<Served<Descriptor>> {
    return this.getManifest(repository, reference);
  }

  async getManifest(repository: string, reference: Reference): Promise<Served<Manifest>> {
    const digest =
      reference.kind === 'digest' ? reference.digest : (await this.#store.tags.find(repository, reference.tag))?.digest;
    if (digest) await this.#content.recheck(repository, digest, 'manifest');
    const manifest = digest && (await this.#content.findManifest(repository, digest));
    if (manifest) return { ...manifest, ...LOCAL };
    if (await this.#store.manifests.isDamaged(repository, reference)) throw damagedManifest(repository, reference);
    throw new RegistryError('MANIFEST_UNKNOWN', 'manifest unknown', {
      detail: { name: repository, reference: referenceText(reference) },
    });
  }

  async resolveBlob(repository: string, digest: Digest): Promise<Served<Descriptor>> {
    await this.#content.recheck(repository, digest, 'blob');
    const size = await this.#content.protectBlob(repository, digest);
    if (size === undefined) throw unknownBlob(digest);
    return { digest, size, mediaType: OCTET_STREAM, ...LOCAL };
  }

  async openBlob(repository: string, digest: Digest): Promise<Served<OpenBlob>> {
    await this.#content.recheck(repository, digest, 'blob');
    const source = await this.#content.openBlob(repository, digest);
    if (!source) throw unknownBlob(digest);
    return { digest, size: source.size, mediaType: OCTET_STREAM, source, ...LOCAL };
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

  /** As {@link redirectBlob}, for content that is cached and can be fetched again. */
  redirectStored(
    repository: string,
    digest: Digest,
    request: RedirectRequest,
  ): Promise<Served<RedirectedBlob> | undefined> | undefined {
    return this.#content
      .redirectBlob(repository, digest, request)
      ?.then((found) => found && { digest, mediaType: OCTET_STREAM, ...found, ...LOCAL });
  }

  async listTags(repository: string, page: PageRequest): Promise<Served<Page<string>>> {
    const tags = await this.#store.tags.list(repository, page);
    if (!tags)
      throw new RegistryError('NAME_UNKNOWN', 'repository name not known to registry', {
        detail: { name: repository },
      });
    return { ...tags, ...LOCAL };
  }

  async listReferrers(repository: string, digest: Digest, query: ReferrersQuery): Promise<Served<ReferrersPage>> {
    return { ...(await this.#store.referrers.list(repository, digest, query)), ...LOCAL };
  }

  /** All repositories in storage, the upstreams' included. */
  async listRepositories(page: PageRequest & { readonly n: number }): Promise<Page<string>> {
    return this.#store.repositories.list(page);
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
