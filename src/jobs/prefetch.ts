import pLimit, { type LimitFunction } from 'p-limit';

import { matches, parsePlatform, type Platform, platformText } from '../images/platform.ts';
import type { Digest } from '../oci/digest.ts';
import { type ManifestReference, readManifest } from '../oci/manifest.ts';
import { DOCKER_MANIFEST_LIST, OCI_INDEX } from '../oci/media-types.ts';
import type { JobImage } from '../operations/job-control.ts';
import type { Manifest, UpstreamLogin } from '../registry/registry.ts';
import type { CachedUpstream } from './background-registry.ts';
import { ImageWarmer, type ImageWarmerOptions, reasonOf } from './image-warmer.ts';

/** An upstream with what it has in the cache. */
export interface PrefetchedUpstream extends CachedUpstream {
  storedName(repository: string): string;
  /** The tags that are stored. */
  cachedTags(repository: string): Promise<readonly string[]>;
  /** The stored manifest, without the upstream. */
  cachedManifest(repository: string, digest: Digest): Promise<Manifest | undefined>;
}

/** A manifest that a client had the cache fetch. */
export interface FetchedManifest {
  /** Name at the upstream. */
  readonly repository: string;
  readonly manifest: Manifest;
  /** The digests that its tags had before. */
  readonly replaced: readonly Digest[];
  /** Of the client. */
  readonly login?: UpstreamLogin | undefined;
}

export interface PrefetchOptions extends Omit<ImageWarmerOptions, 'find' | 'pin'> {
  readonly registry: PrefetchedUpstream;
  /** Name of the upstream. */
  readonly upstream: string;
  /** The platforms to fetch, such as `linux/amd64`; `pulled`: those that are stored of other indexes of the repository. */
  readonly platforms: readonly string[] | 'pulled';
  readonly limit: PrefetchLimit;
  /** An image that was not fetched. */
  readonly onMissed: (image: JobImage) => void;
}

/** Images that are prefetched at the same time. */
export type PrefetchLimit = LimitFunction;

export function createPrefetchLimit(concurrency: number): PrefetchLimit {
  return pLimit(concurrency);
}

/** Of a repository, for {@link PrefetchOptions.platforms} `pulled`. */
const MAX_TAGS = 20;
/** Indexes that wait. More are not fetched. */
const MAX_WAITING = 1_000;

/** Fetches images of an index that a client has pulled, before a client requests them. */
export class Prefetch {
  readonly #options: PrefetchOptions;
  readonly #ended = new AbortController();
  readonly #running = new Map<Digest, Promise<void>>();

  constructor(options: PrefetchOptions) {
    this.#options = options;
  }

  /** Returns at once. */
  fetched(fetched: FetchedManifest): void {
    const { digest } = fetched.manifest;
    const isFull = this.#running.size >= MAX_WAITING;
    if (this.#running.has(digest) || isFull || this.#ended.signal.aborted || !isIndex(fetched.manifest)) return;
    const work = this.#options
      .limit(() => this.#prefetch(fetched))
      .catch((err: unknown) => this.#report(fetched, err))
      .finally(() => this.#running.delete(digest));
    this.#running.set(digest, work);
  }

  /** Ends the work in progress. */
  async close(): Promise<void> {
    this.#ended.abort();
    await Promise.all(this.#running.values());
  }

  async #prefetch(fetched: FetchedManifest): Promise<void> {
    const { signal } = this.#ended;
    signal.throwIfAborted();
    const platforms = await this.#wanted(fetched);
    if (platforms.length === 0) return;
    const { repository, manifest, login } = fetched;
    const { registry, upstream: host, onMissed, ...options } = this.#options;
    const stored = registry.storedName(repository);
    const warmer = new ImageWarmer({ ...options, find: () => ({ registry, stored }), pin: async () => {} });
    const location = { kind: 'registry', host, repository, tag: undefined, digest: manifest.digest } as const;
    const image = { name: `${stored}@${manifest.digest}`, location, platforms };
    const result = await warmer.warm(
      { ...image, referrers: false, pin: false, missingOnly: true },
      { class: 'warm', signal, login, onProgress: () => {} },
    );
    if (result.outcome !== 'fetched' && result.outcome !== 'present') onMissed(result);
  }

  /** The cache could not be read. */
  #report({ repository, manifest }: FetchedManifest, err: unknown): void {
    if (this.#ended.signal.aborted) return;
    const name = `${this.#options.registry.storedName(repository)}@${manifest.digest}`;
    this.#options.onMissed({ name, bytes: 0, spent: 0, outcome: 'failed', reason: reasonOf(err) });
  }

  /** Those that the index has. */
  async #wanted(fetched: FetchedManifest): Promise<Platform[]> {
    const entries = entriesOf(fetched.manifest);
    const { platforms } = this.#options;
    const names = platforms === 'pulled' ? await this.#pulledPlatforms(fetched) : platforms;
    return [...new Set(names)]
      .map((name) => parsePlatform(name))
      .filter((wanted) => entries.some(({ platform }) => matches(wanted, platform)));
  }

  /** The platforms that are stored of other indexes of the repository. */
  async #pulledPlatforms({ repository, manifest, replaced, login }: FetchedManifest): Promise<string[]> {
    const { registry } = this.#options;
    const digests = new Set(replaced);
    for (const tag of (await registry.cachedTags(repository)).slice(0, MAX_TAGS)) {
      const { digest } = await registry.confirmTag(repository, tag, { missingOnly: true, background: 'warm', login });
      digests.add(digest);
    }
    digests.delete(manifest.digest);
    const found: string[] = [];
    for (const digest of digests) {
      const index = await registry.cachedManifest(repository, digest);
      for (const { digest: child, platform } of index ? entriesOf(index) : []) {
        const name = platformText(platform);
        if (name !== undefined && (await registry.cachedManifest(repository, child))) found.push(name);
      }
    }
    return found;
  }
}

function isIndex({ mediaType }: Manifest): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_MANIFEST_LIST;
}

function entriesOf({ bytes }: Pick<Manifest, 'bytes'>): readonly ManifestReference[] {
  return readManifest(bytes).manifest.references.filter(({ kind }) => kind === 'manifest');
}
