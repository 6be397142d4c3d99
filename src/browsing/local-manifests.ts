import { type Digest, isDigest } from '../oci/digest.ts';
import { parseReference, type Reference } from '../oci/reference.ts';
import { ControlError } from '../operations/control-error.ts';
import type {
  ManifestControl,
  ManifestQuery,
  ManifestView,
  ReferrerList,
  ReferrerQuery,
} from '../operations/manifest-control.ts';
import type { MayPull } from '../operations/repository-control.ts';
import type { CallOptions, Registry } from '../registry/registry.ts';
import type { BrowsedStore } from './browsed-store.ts';
import { ManifestViews, type ManifestViewsOptions } from './manifest-views.ts';
import { ReferrerViews } from './referrer-views.ts';

export interface LocalManifestsOptions extends ManifestViewsOptions {
  readonly store: BrowsedStore;
  /** The upstream of a stored name. @throws {ControlError} `not-found` when it belongs to none · {RegistryError} when it is refused */
  readonly upstreamOf: (repository: string) => UpstreamRepository;
  readonly flush: () => Promise<void>;
}

export interface UpstreamRepository {
  readonly registry: Pick<Registry, 'getManifest' | 'openBlob' | 'listReferrers'> & {
    /** Resolves when the blob is in storage, or could not be stored. */
    filled(repository: string, digest: Digest): Promise<void>;
  };
  readonly remote: string;
}

/** An upstream that does not respond holds the page no longer. Milliseconds. */
const FETCH_MS = 30_000;

/** Manifests and referrers in the storage of this process. */
export class LocalManifests implements ManifestControl {
  readonly #options: LocalManifestsOptions;
  readonly #views: ManifestViews;
  readonly #referrers: ReferrerViews;

  constructor(options: LocalManifestsOptions) {
    this.#options = options;
    this.#views = new ManifestViews(options);
    this.#referrers = new ReferrerViews(options.store);
  }

  async manifest(query: ManifestQuery, mayPull?: MayPull): Promise<ManifestView> {
    const { repository, fetch = false } = query;
    const reference = parseReference(query.reference);
    await this.#check(repository, mayPull);
    await this.#options.flush();
    const stored = await this.#find(repository, reference);
    const found = stored ?? (fetch ? await this.#fetch(repository, reference) : undefined);
    if (!found) throw new ControlError('not-found', `${repository} has no stored manifest ${query.reference}`);
    const shown = { repository, tag: reference.kind === 'tag' ? reference.tag : undefined, ...found };
    const view = await this.#views.of(shown, mayPull);
    const config = view.parts.find(({ kind }) => kind === 'config');
    if (!fetch || !config || config.cached) return view;
    await this.#fetchBlob(repository, config.digest);
    return this.#views.of(shown, mayPull);
  }

  async referrers({ repository, digest, fetch = false }: ReferrerQuery, mayPull?: MayPull): Promise<ReferrerList> {
    if (!isDigest(digest)) throw new ControlError('invalid', 'digest must be a digest');
    await this.#check(repository, mayPull);
    if (!fetch) return this.#referrers.stored(repository, digest);
    const { registry, remote } = this.#options.upstreamOf(repository);
    const { manifests, next, outcome } = await registry.listReferrers(remote, digest, {}, limited());
    return this.#referrers.listed(repository, digest, {
      source: outcome === 'BYPASS' ? 'upstream' : 'cache',
      manifests,
      isLast: next === undefined,
    });
  }

  async #check(repository: string, mayPull: MayPull | undefined): Promise<void> {
    if (await (mayPull?.(repository) ?? true)) return;
    throw new ControlError('not-found', `${repository} is not stored`);
  }

  async #find(repository: string, reference: Reference) {
    const { tags, manifests } = this.#options.store;
    const tagged = reference.kind === 'tag' ? await tags.find(repository, reference.tag) : reference;
    const digest = tagged?.digest;
    const manifest = digest && (await manifests.read(repository, digest));
    return manifest && { digest, manifest };
  }

  async #fetch(repository: string, reference: Reference) {
    const { registry, remote } = this.#options.upstreamOf(repository);
    const { digest } = await registry.getManifest(remote, reference, limited());
    const manifest = await this.#options.store.manifests.read(repository, digest);
    return manifest && { digest, manifest };
  }

  async #fetchBlob(repository: string, digest: Digest): Promise<void> {
    const { registry, remote } = this.#options.upstreamOf(repository);
    const { source } = await registry.openBlob(remote, digest, limited());
    try {
      for await (const _ of source.read({ start: 0, end: source.size }));
    } finally {
      await source.close();
    }
    await registry.filled(remote, digest);
  }
}

function limited(): CallOptions {
  return { signal: AbortSignal.timeout(FETCH_MS) };
}
