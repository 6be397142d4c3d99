import type { ProxyConfig, UpstreamConfig } from '../../config/config.ts';
import type { NameRefusal } from '../../filters/name-filter.ts';
import { Prefetch, type PrefetchLimit } from '../../jobs/prefetch.ts';
import type { PullThroughRegistry } from '../../pull-through/pull-through.ts';
import type { Quota } from '../../retention/quota.ts';
import type { RegistryReader } from '../../registry/registry.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { createReserve } from './background-space.ts';
import { createImageCheck } from './image-checks.ts';
import type { Stored } from './stored.ts';

export interface PrefetchParts extends Pick<Stored, 'store' | 'usage'> {
  readonly registry: PullThroughRegistry;
  readonly proxy: ProxyConfig;
  readonly quota: Quota | undefined;
  readonly telemetry: Telemetry;
  /** Shared by all upstreams. */
  readonly limit: PrefetchLimit;
}

/** @returns undefined for an upstream without prefetch */
export function createPrefetch(config: UpstreamConfig, parts: PrefetchParts): Prefetch | undefined {
  const { name: upstream, prefetch, storePrefix } = config;
  const { registry, proxy, quota, store, usage, telemetry, limit } = parts;
  if (!prefetch || proxy.offline) return undefined;
  return new Prefetch({
    ...{ registry, upstream, limit, platforms: prefetch.platforms },
    storedName: (repository) => (storePrefix === '' ? repository : `${storePrefix}/${repository}`),
    fetching: usage.recorder.fetching.bind(usage.recorder),
    check: createImageCheck(proxy, store),
    reserve: createReserve(quota),
    onMissed: ({ name, outcome, reason }) => telemetry.log.info({ image: name, outcome, reason }, 'not prefetched'),
  });
}

/** Pulls of manifests, with prefetch for those that clients have the registry fetch. */
export function withPrefetch(
  registry: PullThroughRegistry,
  { prefetch, refusalOf }: { readonly prefetch: Prefetch; readonly refusalOf: NameRefusal },
): Pick<RegistryReader, 'getManifest'> {
  return {
    async getManifest(repository, reference, options) {
      const refusal = refusalOf(repository);
      if (refusal) throw refusal;
      const served = await registry.getManifest(repository, reference, options);
      const { outcome, replaced = [] } = served;
      const isOfClient = outcome === 'MISS' && options?.background === undefined;
      if (isOfClient) prefetch.fetched({ repository, manifest: served, replaced });
      return served;
    },
  };
}
