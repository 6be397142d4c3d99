import type { Admission } from '../../admission/admission.ts';
import type { UpstreamRepository } from '../../browsing/local-manifests.ts';
import type { NameOwner } from '../../browsing/browsed-store.ts';
import type { LocalRepositoriesOptions } from '../../browsing/local-repositories.ts';
import type { Clock } from '../../clock/clock.ts';
import type { ProxyConfig } from '../../config/config.ts';
import type { RunningFills } from '../../fills/running-fills.ts';
import { isDigest } from '../../oci/digest.ts';
import { ControlError } from '../../operations/control-error.ts';
import type { LayerControl } from '../../operations/layer-control.ts';
import type { ManifestControl } from '../../operations/manifest-control.ts';
import type { MayPull, RepositoryControl } from '../../operations/repository-control.ts';
import type { StorageControl } from '../../operations/storage-control.ts';
import type { Pins } from '../../retention/pins.ts';
import type { Admitting } from './admitting.ts';
import type { Pulling } from './pulling.ts';
import type { Stored } from './stored.ts';

export interface BrowsingParts extends Pick<Stored, 'usage' | 'store'> {
  readonly pins: Pins;
  /** Milliseconds; 0: never. */
  readonly ttlMs: number;
  readonly isHosted: (repository: string) => boolean;
  readonly running: RunningFills;
  readonly pulling: Pulling | undefined;
  readonly clock: Pick<Clock, 'now'>;
  /** Absent without rules. */
  readonly admitting: Admitting | undefined;
}

/** Stored content for people. */
export interface Browsing {
  readonly repositories: RepositoryControl;
  readonly manifests: ManifestControl;
  readonly storage: StorageControl;
  readonly layers: LayerControl;
}

/** Its first use loads the code. */
export function createBrowsing(proxy: ProxyConfig | undefined, parts: BrowsingParts): Browsing {
  let loaded: Promise<Browsing> | undefined;
  const load = () => (loaded ??= loadBrowsing(proxy, parts));
  const admission = parts.admitting?.admission;
  return {
    repositories: {
      repositories: async (query, mayPull) => (await load()).repositories.repositories(query, mayPull),
      tags: async (query, mayPull) => (await load()).repositories.tags(query, mayPull),
    },
    manifests: {
      manifest: async (query, mayPull) => {
        refuseFetch(query, mayPull);
        const view = await (await load()).manifests.manifest(query, mayPull);
        const isServed = admission?.isManifestServed(query.repository, view.digest) ?? true;
        if (mayPull && !isServed) throw notStored(query.repository, `manifest ${query.reference}`);
        return view;
      },
      referrers: async (query, mayPull) => {
        refuseFetch(query, mayPull);
        return (await load()).manifests.referrers(query, mayPull);
      },
    },
    layers: {
      layer: async (query, mayPull) => {
        const { repository, digest } = query;
        if (mayPull && !isLayerServed(admission, repository, digest)) throw notStored(repository, `layer ${digest}`);
        return (await load()).layers.layer(query, mayPull);
      },
    },
    storage: { ages: async () => (await load()).storage.ages() },
  };
}

/** Users who see only what they may pull cause no requests to upstreams here: those would be made with other accounts than theirs. */
function refuseFetch({ fetch }: { readonly fetch?: boolean | undefined }, mayPull: MayPull | undefined): void {
  if (fetch && mayPull) throw new ControlError('forbidden', 'fetch is for administrators');
}

function isLayerServed(admission: Admission | undefined, repository: string, digest: string): boolean {
  return admission === undefined || !isDigest(digest) || admission.isPartServed(repository, digest);
}

/** As for content that is not stored: held content is served in no form. */
function notStored(repository: string, content: string): ControlError {
  return new ControlError('not-found', `${repository} has no stored ${content}`);
}

async function loadBrowsing(proxy: ProxyConfig | undefined, parts: BrowsingParts): Promise<Browsing> {
  const { usage, store, pulling } = parts;
  const [{ LocalRepositories }, { LocalManifests }, { LocalAges }, { LocalLayers }] = await Promise.all([
    import('../../browsing/local-repositories.ts'),
    import('../../browsing/local-manifests.ts'),
    import('../../browsing/local-ages.ts'),
    import('../../browsing/local-layers.ts'),
  ]);
  const shared = { index: usage.index, store, flush: () => usage.recorder.flush() };
  const names = namesOf(proxy, parts);
  return {
    repositories: new LocalRepositories({ ...shared, ...names, ...parts, tagAge: tagAges(parts) }),
    manifests: new LocalManifests({ ...shared, upstreamOf: (repository) => upstreamOf(pulling, repository) }),
    layers: new LocalLayers(store),
    storage: new LocalAges({ ...shared, ...names, now: parts.clock.now }),
  };
}

type Names = Pick<LocalRepositoriesOptions, 'ownerOf' | 'upstreams' | 'filling'>;

function namesOf(proxy: ProxyConfig | undefined, { isHosted, running }: BrowsingParts): Names {
  const upstreams = (proxy?.upstreams ?? [])
    .map(({ name, storePrefix }) => ({ name, prefix: storePrefix === '' ? '' : `${storePrefix}/` }))
    .sort((a, b) => b.prefix.length - a.prefix.length);
  const ownerOf = (repository: string): NameOwner => {
    if (isHosted(repository)) return { upstream: undefined, hosted: true };
    return { upstream: upstreams.find(({ prefix }) => repository.startsWith(prefix))?.name, hosted: false };
  };
  return {
    ownerOf,
    upstreams: new Map(upstreams.map(({ name, prefix }) => [name, prefix])),
    filling: () => new Set(running.all.flatMap((fill) => fill.repositories)),
  };
}

function tagAges({ pulling, isHosted }: BrowsingParts): LocalRepositoriesOptions['tagAge'] {
  return async (repository, tag) => {
    if (!pulling || isHosted(repository)) return undefined;
    try {
      const { registry, remote } = pulling.find(repository);
      return await registry.tagAge(remote, tag);
    } catch {
      return undefined; // refused by a rule: it is not confirmed
    }
  };
}

function upstreamOf(pulling: Pulling | undefined, repository: string): UpstreamRepository {
  if (!pulling) throw new ControlError('not-found', `${repository} belongs to no upstream`);
  return pulling.find(repository);
}
