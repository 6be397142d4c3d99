import type { ContentStore } from '../../content/content-store.ts';
import type { Redis } from '../../redis/redis.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';

export interface ReplicaParts {
  readonly redis: Redis | undefined;
  readonly store: Pick<ContentStore, 'blobs'>;
  readonly telemetry: Telemetry;
}

/** Shares fills among processes with the same storage and Redis; undefined when this one is a single instance. */
export async function loadReplicas(advertise: string | undefined, { redis, store, telemetry }: ReplicaParts) {
  if (!redis || advertise === undefined) {
    const missing = redis ? 'proxy.fills.advertise' : 'redis';
    if (redis || advertise !== undefined) telemetry.log.info({ missing }, 'fills are not shared with replicas');
    else telemetry.log.debug({}, 'no Redis configured: single instance');
    return undefined;
  }
  const { shareFills } = await import('./shared-fills.ts');
  return shareFills({ advertise, redis, store });
}
