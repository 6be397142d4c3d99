import type { ProxyConfig, UpstreamConfig } from '../../config/config.ts';
import type { NameRefusal } from '../../filters/name-filter.ts';
import { createPrefetchLimit, Prefetch, type PrefetchLimit } from '../../jobs/prefetch.ts';
import type { PullThroughRegistry } from '../../pull-through/pull-through.ts';
import type { Quota } from '../../retention/quota.ts';
import type { ContentRefusals } from '../../registry/refusals.ts';
import type { RegistryReader } from '../../registry/registry.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { createReserve } from './background-space.ts';
import { createImageCheck } from './image-checks.ts';
import type { CloseStack } from '../close-stack.ts';
import type { Stored } from './stored.ts';

export interface PrefetchParts extends Pick<Stored, 'store' | 'usage'> {
  /** Content that is neither served nor fetched. */
  readonly refusals: ContentRefusals;
  readonly opened: CloseStack;
  readonly registry: PullThroughRegistry;
  readonly refusalOf: NameRefusal;
  readonly quota: Quota | undefined;
  readonly telemetry: Telemetry;
}

/** @returns undefined for an upstream without prefetch */
export type WithPrefetch = (
  config: UpstreamConfig,
  parts: PrefetchParts,
) => Pick<RegistryReader, 'getManifest'> | undefined;

/** Pulls of manifests, with prefetch for those that clients have the registry fetch. */
export function prefetchFor(proxy: ProxyConfig): WithPrefetch {
  const limit = createPrefetchLimit(proxy.background.concurrency);
  return (config, parts) => {
    const { opened, registry, refusalOf } = parts;
    if (!config.prefetch || proxy.offline) return undefined;
    const prefetch = opened.use(createPrefetch(config.prefetch, { config, proxy, limit, ...parts }));
    return {
      async getManifest(repository, reference, options) {
        const refusal = refusalOf(repository);
        if (refusal) throw refusal;
        const served = await registry.getManifest(repository, reference, options);
        const { outcome, replaced = [] } = served;
        const isOfClient = outcome === 'MISS' && options?.background === undefined;
        if (isOfClient) prefetch.fetched({ repository, manifest: served, replaced, login: options?.login });
        return served;
      },
    };
  };
}

interface CreateParts extends PrefetchParts {
  readonly config: UpstreamConfig;
  readonly proxy: ProxyConfig;
  readonly limit: PrefetchLimit;
}

function createPrefetch({ platforms }: NonNullable<UpstreamConfig['prefetch']>, parts: CreateParts): Prefetch {
  const { config, proxy, limit, registry, quota, store, usage, telemetry, refusals } = parts;
  return new Prefetch({
    ...{ registry, upstream: config.name, limit, platforms },
    fetching: usage.recorder.fetching.bind(usage.recorder),
    check: createImageCheck(proxy, store, refusals),
    reserve: createReserve(quota),
    onMissed: ({ name, outcome, reason }) => telemetry.log.info({ image: name, outcome, reason }, 'not prefetched'),
  });
}
