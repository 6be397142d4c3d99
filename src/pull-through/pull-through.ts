import type { Descriptor, ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { RegistryError, type RegistryErrorCode } from '../oci/errors.ts';
import { type Page, type PageRequest, pageOf } from '../oci/pagination.ts';
import { pageOfReferrers, type ReferrersPage, type ReferrersQuery } from '../oci/referrers-page.ts';
import type { Reference } from '../oci/reference.ts';
import { type TagPage, type Upstream, UpstreamError } from '../upstream/upstream.ts';
import type { LocalRegistry } from '../hosted/hosted-registry.ts';
import type { NameFilter } from '../filters/name-filter.ts';
import type { PulledBlobs } from './pulled-blobs.ts';
import type { Found, PulledManifests, PulledRepository } from './pulled-manifests.ts';
import type {
  Manifest,
  OpenBlob,
  RedirectedBlob,
  RedirectRequest,
  RegistryReader,
  Served,
} from '../registry/registry.ts';
import { clientErrorOf, toClientError } from './upstream-failure.ts';

export interface PullThroughOptions {
  readonly upstream: Upstream;
  readonly manifests: PulledManifests;
  readonly blobs: PulledBlobs;
  /** What is stored, for lists that the upstream does not give. */
  readonly local: LocalRegistry;
  /** Before the upstream's names in our storage, without slashes at the ends; may be empty. */
  readonly storePrefix: string;
  readonly allows: NameFilter;
  readonly offline: boolean;
  /** Told of everything that was found in storage, by its name there. Called for every hit. */
  readonly onUsed?: UsageListener | undefined;
}

export type UsageListener = (repository: string, digest: Digest, kind: 'manifest' | 'blob', size: number) => void;

/** One upstream, cached: answers from storage, and fills it from upstream. Names are the upstream's own. */
export class PullThroughRegistry implements RegistryReader {
  readonly #options: PullThroughOptions;

  constructor(options: PullThroughOptions) {
    this.#options = options;
  }

  async resolveManifest(repository: string, reference: Reference): Promise<Served<Descriptor>> {
    const names = this.#names(repository);
    const cached = this.#options.manifests.inMemory(names, reference);
    if (cached) return this.#hit(names, cached);
    return this.#used(
      names,
      'manifest',
      await this.#served('MANIFEST_UNKNOWN', () => this.#options.manifests.resolve(names, reference)),
    );
  }

  async getManifest(repository: string, reference: Reference): Promise<Served<Manifest>> {
    const names = this.#names(repository);
    const cached = this.#options.manifests.inMemory(names, reference);
    if (cached) return this.#hit(names, cached);
    return this.#used(
      names,
      'manifest',
      await this.#served('MANIFEST_UNKNOWN', () => this.#options.manifests.get(names, reference)),
    );
  }

  async resolveBlob(repository: string, digest: Digest): Promise<Served<Descriptor>> {
    const names = this.#names(repository);
    return this.#used(
      names,
      'blob',
      await this.#served('BLOB_UNKNOWN', () => this.#options.blobs.resolve(names, digest)),
    );
  }

  async openBlob(repository: string, digest: Digest): Promise<Served<OpenBlob>> {
    const names = this.#names(repository);
    return this.#used(names, 'blob', await this.#served('BLOB_UNKNOWN', () => this.#options.blobs.open(names, digest)));
  }

  /**
   * Asks the upstream now what a tag names, and keeps the manifest.
   *
   * @param stored the name in our storage
   * @returns undefined when that is none of this upstream's
   * @throws {RegistryError}
   */
  async refreshTag(stored: string, tag: string): Promise<{ digest: string; changed: boolean } | undefined> {
    const { storePrefix, manifests } = this.#options;
    const prefix = storePrefix === '' ? '' : `${storePrefix}/`;
    if (!stored.startsWith(prefix)) return undefined;
    const names = this.#names(stored.slice(prefix.length));
    try {
      return await manifests.refresh(names, tag);
    } catch (err) {
      throw err instanceof UpstreamError ? toClientError(err, 'MANIFEST_UNKNOWN') : err;
    }
  }

  redirectBlob(
    repository: string,
    digest: Digest,
    request: RedirectRequest,
  ): Promise<Served<RedirectedBlob> | undefined> | undefined {
    const names = this.#names(repository);
    return this.#options.local
      .redirectStored(names.stored, digest, request)
      ?.then((found) => found && this.#used(names, 'blob', { ...found, upstream: this.#options.upstream.name }));
  }

  async listTags(repository: string, page: PageRequest): Promise<Served<Page<string>>> {
    const { upstream, local } = this.#options;
    const { remote, stored } = this.#names(repository);
    return this.#listed('NAME_UNKNOWN', {
      ask: async () => toPage(await upstream.listTags(remote, page), page),
      cached: () => local.listTags(stored, page),
    });
  }

  async listReferrers(repository: string, digest: Digest, query: ReferrersQuery): Promise<Served<ReferrersPage>> {
    const { upstream, local } = this.#options;
    const { remote, stored } = this.#names(repository);
    return this.#listed('NAME_UNKNOWN', {
      ask: async () => {
        const known = await this.#storedReferrers(stored, digest);
        const told = await upstream.listReferrers(remote, digest);
        const seen = new Set(told.map((descriptor) => descriptor.digest));
        const all = [...told, ...known.filter((descriptor) => !seen.has(descriptor.digest))];
        return pageOfReferrers(all, query);
      },
      cached: () => local.listReferrers(stored, digest, query),
    });
  }

  async #storedReferrers(stored: string, digest: Digest): Promise<ManifestDescriptor[]> {
    const all: ManifestDescriptor[] = [];
    for (let last: Digest | undefined; ; ) {
      const { manifests, next } = await this.#options.local.listReferrers(stored, digest, last ? { last } : {});
      all.push(...manifests);
      if (next === undefined) return all;
      last = next;
    }
  }

  #names(remote: string): PulledRepository {
    const { storePrefix, upstream, allows } = this.#options;
    if (!allows(remote)) {
      throw new RegistryError('DENIED', `${upstream.name}/${remote} may not be pulled through this registry`);
    }
    return { remote, stored: storePrefix === '' ? remote : `${storePrefix}/${remote}` };
  }

  /** Field by field, as it runs for every warm pull and a spread costs more than the look-up. */
  #hit({ stored }: PulledRepository, { bytes, digest, mediaType, size }: Manifest): Served<Manifest> {
    this.#options.onUsed?.(stored, digest, 'manifest', size);
    return { bytes, digest, mediaType, size, outcome: 'HIT', upstream: this.#options.upstream.name };
  }

  /** What a fill brings is recorded when it is stored. */
  #used<T extends Served<Descriptor>>({ stored }: PulledRepository, kind: 'manifest' | 'blob', served: T): T {
    if (served.outcome === 'HIT' || served.outcome === 'STALE') {
      this.#options.onUsed?.(stored, served.digest, kind, served.size);
    }
    return served;
  }

  async #served<T extends object>(unknown: RegistryErrorCode, find: () => Promise<Found<T>>): Promise<Served<T>> {
    const startedAt = performance.now();
    try {
      const { content, outcome, asked } = await find();
      const upstreamMs = asked ? { upstreamMs: performance.now() - startedAt } : {};
      return { ...content, outcome, upstream: this.#options.upstream.name, ...upstreamMs };
    } catch (err) {
      throw clientErrorOf(err, this.#options.upstream.name, unknown);
    }
  }

  /** A list comes from upstream; while that cannot be had, what is stored is the best answer. */
  async #listed<T extends object>(
    unknown: RegistryErrorCode,
    { ask, cached }: { ask: () => Promise<T>; cached: () => Promise<T> },
  ): Promise<Served<T>> {
    const { offline, upstream } = this.#options;
    if (offline) return { ...(await cached()), outcome: 'STALE', upstream: upstream.name };
    const startedAt = performance.now();
    try {
      return {
        ...(await ask()),
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

/** An upstream that pages is believed in its order, as its cursor is; the whole list of one that does not is ours to cut. */
function toPage({ tags, next }: TagPage, asked: PageRequest): Page<string> {
  if (!next) return pageOf([...tags].sort(), tags.length > (asked.n ?? Infinity) ? asked : {});
  const last = next.last ?? tags.at(-1);
  const n = next.n ?? asked.n ?? tags.length;
  return { entries: tags, next: last === undefined ? undefined : { n, last } };
}
