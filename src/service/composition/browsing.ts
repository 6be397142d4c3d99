import type { UpstreamRepository } from '../../browsing/local-manifests.ts';
import type { NameOwner } from '../../browsing/browsed-store.ts';
import type { LocalRepositoriesOptions } from '../../browsing/local-repositories.ts';
import type { ProxyConfig } from '../../config/config.ts';
import type { RunningFills } from '../../fills/running-fills.ts';
import { ControlError } from '../../operations/control-error.ts';
import type { ManifestControl } from '../../operations/manifest-control.ts';
import type { RepositoryControl } from '../../operations/repository-control.ts';
import type { Pins } from '../../retention/pins.ts';
import type { Pulling } from './pulling.ts';
import type { Stored } from './stored.ts';

export interface BrowsingParts extends Pick<Stored, 'usage' | 'store'> {
  readonly pins: Pins;
  /** Milliseconds; 0: never. */
  readonly ttlMs: number;
  readonly isHosted: (repository: string) => boolean;
  readonly running: RunningFills;
  readonly pulling: Pulling | undefined;
}

/** Stored content for people. */
export interface Browsing {
  readonly repositories: RepositoryControl;
  readonly manifests: ManifestControl;
}

/** Its first use loads the code. */
export function createBrowsing(proxy: ProxyConfig | undefined, parts: BrowsingParts): Browsing {
  let loaded: Promise<Browsing> | undefined;
  const load = () => (loaded ??= loadBrowsing(proxy, parts));
  return {
    repositories: {
      repositories: async (query, mayPull) => (await load()).repositories.repositories(query, mayPull),
      tags: async (query, mayPull) => (await load()).repositories.tags(query, mayPull),
    },
    manifests: {
      manifest: async (query, mayPull) => (await load()).manifests.manifest(query, mayPull),
      referrers: async (query, mayPull) => (await load()).manifests.referrers(query, mayPull),
    },
  };
}

async function loadBrowsing(proxy: ProxyConfig | undefined, parts: BrowsingParts): Promise<Browsing> {
  const { usage, store, pulling } = parts;
  const [{ LocalRepositories }, { LocalManifests }] = await Promise.all([
    import('../../browsing/local-repositories.ts'),
    import('../../browsing/local-manifests.ts'),
  ]);
  const shared = { index: usage.index, store, flush: () => usage.recorder.flush() };
  return {
    repositories: new LocalRepositories({ ...shared, ...namesOf(proxy, parts), ...parts, tagAge: tagAges(parts) }),
    manifests: new LocalManifests({ ...shared, upstreamOf: (repository) => upstreamOf(pulling, repository) }),
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
