import type { Descriptor, ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { RegistryError, type RegistryErrorCode } from '../oci/errors.ts';
import { type Page, type PageRequest, pageOf } from '../oci/pagination.ts';
import { pageOfReferrers, type ReferrersPage, type ReferrersQuery } from '../oci/referrers-page.ts';
import type { Reference } from '../oci/reference.ts';
import { type TagPage, type Upstream, UpstreamError } from '../upstream/upstream.ts';
import { type DescribeRefusal, refuseWrites } from '../filters/read-only.ts';
import { type FetchedImage, fetchImage, platformsOf } from './fetch-image.ts';
import type { PulledBlobs } from './pulled-blobs.ts';
import type {
  Found,
  KeptManifest,
  PullCall,
  PulledManifests,
  PulledRepository,
  RefreshedTag,
} from './pulled-manifests.ts';
import type {
  CallOptions,
  Manifest,
  ManifestPut,
  OpenBlob,
  PushedManifest,
  RedirectedBlob,
  RedirectRequest,
  Registry,
  RegistryDeleter,
  RegistryLister,
  RegistryReader,
  RegistryWriter,
  Served,
  UploadWriter,
} from '../registry/registry.ts';
import type { ContentRefusals } from '../registry/refusals.ts';
import type { HeldContent } from '../registry/held-content.ts';
import { upstreamCallOptions } from './upstream-call-options.ts';
import type { TagEntries } from './tag-entries.ts';
import { clientErrorOf, toClientError } from './upstream-failure.ts';

/** Cached content, by stored name, for lists while the upstream is unavailable. */
export interface CachedContent extends Pick<RegistryLister, 'listTags' | 'listReferrers'> {
  readonly redirectStored: RegistryReader['redirectBlob'];
}

export interface PullThroughOptions {
  readonly upstream: Upstream;
  readonly manifests: PulledManifests;
  readonly blobs: PulledBlobs;
  readonly tags: Pick<TagEntries, 'remove'>;
  readonly cached: CachedContent;
  /** Precedes the upstream's names in stored names; no slash at its ends, may be empty. */
  readonly storePrefix: string;
  /** Serve stored content only. */
  readonly offline: boolean;
  /** Content that is neither served nor fetched. */
  readonly refusals: ContentRefusals;
  /** Called for every hit of a client, with the stored name. */
  readonly onUsed?: UsageListener | undefined;
  /** The same for work that no client waits for. */
  readonly onUsedInBackground?: UsageListener | undefined;
}

export interface RefreshedImage {
  readonly digest: Digest;
  /** Absent when the tag was not cached. */
  readonly previous: Digest | undefined;
  /** The tag pointed to another digest before, or was not cached. */
  readonly changed: boolean;
  readonly fetched: FetchedImage;
}

export type UsageListener = (repository: string, digest: Digest, kind: 'manifest' | 'blob', size: number) => void;

/**
 * One upstream, cached: serves from storage, and fills it from the upstream. Repositories have their names at the upstream. Writes reject
 * with `UNSUPPORTED`.
 */
export class PullThroughRegistry implements Registry {
  readonly uploads: UploadWriter;
  /** Served without the upstream, and without {@link PullThroughOptions.onUsed}. */
  readonly held: HeldContent;
  readonly #options: PullThroughOptions;
  readonly #refused: RegistryWriter & RegistryDeleter;

  constructor(options: PullThroughOptions) {
    this.#options = options;
    this.#refused = refuseWrites(describeRefusedWrites(options.upstream));
    this.uploads = this.#refused.uploads;
    this.held = {
      manifest: (repository, reference) => options.manifests.held(this.#names(repository), reference),
      blob: (repository, digest) => options.blobs.held(this.#names(repository), digest),
    };
  }

  async resolveManifest(repository: string, reference: Reference, options?: CallOptions): Promise<Served<Descriptor>> {
    const names = this.#names(repository);
    const { manifests } = this.#options;
    const cached = manifests.inMemory(names, reference);
    if (cached) return this.#hit(names, cached, options);
    options?.signal?.throwIfAborted();
    const served = await this.#served('MANIFEST_UNKNOWN', () =>
      manifests.resolve(names, reference, pullCallOf(options)),
    );
    return this.#used(names, 'manifest', served, options);
  }

  async getManifest(repository: string, reference: Reference, options?: CallOptions): Promise<Served<KeptManifest>> {
    const names = this.#names(repository);
    const { manifests } = this.#options;
    const cached = manifests.inMemory(names, reference);
    if (cached) return this.#hit(names, cached, options);
    options?.signal?.throwIfAborted();
    const served = await this.#served('MANIFEST_UNKNOWN', () => manifests.get(names, reference, pullCallOf(options)));
    return this.#used(names, 'manifest', served, options);
  }

  async resolveBlob(repository: string, digest: Digest, options?: CallOptions): Promise<Served<Descriptor>> {
    const names = this.#names(repository);
    const { blobs } = this.#options;
    const served = await this.#served('BLOB_UNKNOWN', () => blobs.resolve(names, digest, options));
    return this.#used(names, 'blob', served, options);
  }

  async openBlob(repository: string, digest: Digest, options?: CallOptions): Promise<Served<OpenBlob>> {
    const names = this.#names(repository);
    const { blobs } = this.#options;
    const served = await this.#served('BLOB_UNKNOWN', () => blobs.open(names, digest, options));
    return this.#used(names, 'blob', served, options);
  }

  /** Resolves when no fill of the blob is in progress: it is in storage, or could not be stored. */
  async filled(repository: string, digest: Digest): Promise<void> {
    await this.#options.blobs.filled(this.#names(repository), digest);
  }

  /**
   * The digest of a tag, revalidated when it is not fresh.
   *
   * @param options.missingOnly a stored tag is not revalidated
   * @param options.always a fresh one is
   * @throws {RegistryError} also when the tag could be served stale
   */
  async confirmTag(
    repository: string,
    tag: string,
    options?: CallOptions & { readonly missingOnly?: boolean; readonly always?: boolean },
  ): Promise<RefreshedTag> {
    const { manifests } = this.#options;
    const names = this.#names(repository);
    try {
      const stored = options?.missingOnly === true ? await manifests.storedTag(names, tag) : undefined;
      return stored ?? (await manifests.confirm(names, tag, { ...pullCallOf(options), always: options?.always }));
    } catch (err) {
      throw err instanceof UpstreamError ? toClientError(err, 'MANIFEST_UNKNOWN') : err;
    }
  }

  /** The tags that are stored. */
  async cachedTags(repository: string): Promise<readonly string[]> {
    const { cached } = this.#options;
    const { stored } = this.#names(repository);
    const isUnknown = (err: unknown) => err instanceof RegistryError && err.code === 'NAME_UNKNOWN';
    try {
      return (await cached.listTags(stored, {})).entries;
    } catch (err) {
      if (isUnknown(err)) return [];
      throw err;
    }
  }

  /** The stored manifest, without the upstream. */
  cachedManifest(repository: string, digest: Digest): Promise<Manifest | undefined> {
    return this.#options.manifests.findStored(this.#names(repository), digest);
  }

  /** Removes a tag from storage and memory. Its manifest stays until it expires. */
  removeCachedTag(repository: string, tag: string): Promise<void> {
    return this.#options.tags.remove(this.#names(repository).stored, tag);
  }

  /** The stored name of a repository. */
  storedName(repository: string): string {
    return this.#names(repository).stored;
  }

  /** The name at the upstream; absent for a stored name that belongs to another registry. */
  remoteName(stored: string): string | undefined {
    const { storePrefix } = this.#options;
    const prefix = storePrefix === '' ? '' : `${storePrefix}/`;
    return stored.startsWith(prefix) ? stored.slice(prefix.length) : undefined;
  }

  /** How old a cached tag is. Absent when it is not cached, or is never revalidated. */
  tagAge(repository: string, tag: string): Promise<{ readonly checkedAt: number; readonly ttlMs: number } | undefined> {
    return this.#options.manifests.tagAge(this.#names(repository), tag);
  }

  /**
   * Revalidates a tag now, and stores its image: of an index, the platforms that are stored of the previous one, or all when there are
   * none.
   *
   * @throws {RegistryError} also when the tag could be served stale
   */
  async refreshTag(repository: string, tag: string, call?: CallOptions): Promise<RefreshedImage> {
    const { manifests } = this.#options;
    const names = this.#names(repository);
    try {
      const { digest, previous } = await manifests.refresh(names, tag, call && pullCallOf(call));
      const platforms = await this.#storedPlatforms(names, previous ?? digest);
      const fetched = await fetchImage(this, { repository, digest, platforms, call });
      return { digest, previous, changed: previous !== digest, fetched };
    } catch (err) {
      throw err instanceof UpstreamError ? toClientError(err, 'MANIFEST_UNKNOWN') : err;
    }
  }

  async #storedPlatforms(names: PulledRepository, digest: Digest): Promise<ReadonlySet<string>> {
    const { manifests } = this.#options;
    const index = await manifests.findStored(names, digest);
    return index
      ? platformsOf(index, async (entry) => (await manifests.findStored(names, entry.digest)) !== undefined)
      : new Set();
  }

  redirectBlob(
    repository: string,
    digest: Digest,
    request: RedirectRequest,
  ): Promise<Served<RedirectedBlob> | undefined> | undefined {
    const names = this.#names(repository);
    const { cached, upstream, refusals } = this.#options;
    const refusal = refusals.ofDigest(names.stored, digest);
    if (refusal) return Promise.reject(refusal);
    return cached
      .redirectStored(names.stored, digest, request)
      ?.then((found) => found && this.#used(names, 'blob', { ...found, upstream: upstream.name }));
  }

  async listTags(repository: string, page: PageRequest, options?: CallOptions): Promise<Served<Page<string>>> {
    const { upstream, cached } = this.#options;
    const { remote, stored } = this.#names(repository);
    return this.#listed('NAME_UNKNOWN', {
      fetch: async () => toPage(await upstream.listTags(remote, page, upstreamCallOptions(options)), page),
      cached: () => cached.listTags(stored, page, options),
    });
  }

  async listReferrers(
    repository: string,
    digest: Digest,
    query: ReferrersQuery,
    options?: CallOptions,
  ): Promise<Served<ReferrersPage>> {
    const { upstream, cached } = this.#options;
    const { remote, stored } = this.#names(repository);
    const refusal = this.#options.refusals.ofDigest(stored, digest);
    if (refusal) throw refusal;
    return this.#listed('NAME_UNKNOWN', {
      fetch: async () => {
        const known = await this.#storedReferrers(stored, digest);
        const fetched = await upstream.listReferrers(remote, digest, upstreamCallOptions(options));
        const seen = new Set(fetched.map((descriptor) => descriptor.digest));
        const all = [...fetched, ...known.filter((descriptor) => !seen.has(descriptor.digest))];
        return pageOfReferrers(all, query);
      },
      cached: () => cached.listReferrers(stored, digest, query, options),
    });
  }

  async listRepositories(): Promise<Page<string>> {
    const { name } = this.#options.upstream;
    throw new RegistryError('UNSUPPORTED', `the catalog of upstream ${name} is not available`);
  }

  putManifest(repository: string, manifest: PushedManifest): Promise<ManifestPut> {
    return this.#refused.putManifest(repository, manifest);
  }

  deleteManifest(repository: string, reference: Reference): Promise<readonly string[]> {
    return this.#refused.deleteManifest(repository, reference);
  }

  deleteBlob(repository: string, digest: Digest): Promise<void> {
    return this.#refused.deleteBlob(repository, digest);
  }

  async #storedReferrers(stored: string, digest: Digest): Promise<ManifestDescriptor[]> {
    const all: ManifestDescriptor[] = [];
    for (let last: Digest | undefined; ; ) {
      const { manifests, next } = await this.#options.cached.listReferrers(stored, digest, last ? { last } : {});
      all.push(...manifests);
      if (next === undefined) return all;
      last = next;
    }
  }

  #names(remote: string): PulledRepository {
    const { storePrefix } = this.#options;
    return { remote, stored: storePrefix === '' ? remote : `${storePrefix}/${remote}` };
  }

  /** Field by field: it runs for every warm pull, and a spread costs more than the look-up. */
  #hit(
    { stored }: PulledRepository,
    { bytes, digest, mediaType, size }: Manifest,
    options: CallOptions | undefined,
  ): Served<Manifest> {
    this.#listener(options)?.(stored, digest, 'manifest', size);
    return { bytes, digest, mediaType, size, outcome: 'HIT', upstream: this.#options.upstream.name };
  }

  #listener(options: CallOptions | undefined): UsageListener | undefined {
    return options?.background === undefined ? this.#options.onUsed : this.#options.onUsedInBackground;
  }

  /** Content of a fill is recorded when it is stored. */
  #used<T extends Served<Descriptor>>(
    { stored }: PulledRepository,
    kind: 'manifest' | 'blob',
    served: T,
    options?: CallOptions,
  ): T {
    if (served.outcome === 'HIT' || served.outcome === 'STALE') {
      this.#listener(options)?.(stored, served.digest, kind, served.size);
    }
    return served;
  }

  async #served<T extends object>(unknown: RegistryErrorCode, find: () => Promise<Found<T>>): Promise<Served<T>> {
    const startedAt = performance.now();
    try {
      const { content, outcome, isFromUpstream } = await find();
      const upstreamMs = isFromUpstream ? { upstreamMs: performance.now() - startedAt } : {};
      return { ...content, outcome, upstream: this.#options.upstream.name, ...upstreamMs };
    } catch (err) {
      throw clientErrorOf(err, this.#options.upstream.name, unknown);
    }
  }

  /** A list comes from the upstream; from storage while the upstream is unavailable. */
  async #listed<T extends object>(
    unknown: RegistryErrorCode,
    { fetch, cached }: { fetch: () => Promise<T>; cached: () => Promise<T> },
  ): Promise<Served<T>> {
    const { offline, upstream } = this.#options;
    if (offline) return { ...(await cached()), outcome: 'STALE', upstream: upstream.name };
    const startedAt = performance.now();
    try {
      return {
        ...(await fetch()),
        outcome: 'BYPASS',
        upstream: upstream.name,
        upstreamMs: performance.now() - startedAt,
      };
    } catch (err) {
      if (!(err instanceof UpstreamError)) throw err;
      if (err.kind === 'not-found' || err.kind === 'denied' || err.kind === 'unauthorized')
        throw toClientError(err, unknown);
      const upstreamMs = performance.now() - startedAt;
      return await cached().then(
        (list) => ({ ...list, outcome: 'STALE' as const, upstream: upstream.name, upstreamMs }),
        () => Promise.reject(toClientError(err, unknown)),
      );
    }
  }
}

/** A client's pull is shared with others, so its signal does not end it. */
function pullCallOf(options: CallOptions | undefined): PullCall {
  const login = options?.login && { login: options.login };
  if (options?.background === undefined) return { spending: { class: 'client', client: options?.caller }, ...login };
  const { background, signal } = options;
  return { spending: { class: background }, ...(signal && { signal }), ...login };
}

/** The reason why nothing can be written to repositories of an upstream. */
export function describeRefusedWrites({ name }: Pick<Upstream, 'name'>): DescribeRefusal {
  return (repository) => `${repository} belongs to upstream ${name}: push and delete are off`;
}

/** Keeps the order of an upstream that pages, as its cursor refers to it; the complete list of one that does not is sorted and cut here. */
function toPage({ tags, next }: TagPage, page: PageRequest): Page<string> {
  if (!next) return pageOf([...tags].sort(), tags.length > (page.n ?? Infinity) ? page : {});
  const last = next.last ?? tags.at(-1);
  const n = next.n ?? page.n ?? tags.length;
  return { entries: tags, next: last === undefined ? undefined : { n, last } };
}
