import type { Config, StorageDriverConfig } from '../../config/config.ts';
import type { CheckStore } from '../../content/image-check.ts';
import type { CheckedStorage } from '../../health/health-checks.ts';
import type { CheckedRedis } from '../../health/health-dependencies.ts';
import { createHealth, type Health } from '../../health/health.ts';
import type { Redis } from '../../redis/redis.ts';
import type { ContentRefusals } from '../../registry/refusals.ts';
import { PathNotFoundError, type StorageDriver } from '../../storage/driver.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Upstream } from '../../upstream/upstream.ts';
import { createCheckedLists } from './checked-lists.ts';
import { withSetting } from './storage-setting.ts';

export interface WatchedParts {
  readonly driver: StorageDriver;
  readonly redis: Redis | undefined;
  readonly upstreams: readonly Upstream[];
  readonly store: CheckStore;
  readonly telemetry: Telemetry;
  readonly refusals: ContentRefusals;
}

/** Health checks of the configured dependencies. */
export function watchHealth(
  { health, proxy, storage }: Config,
  { driver, redis, upstreams, store, telemetry, refusals }: WatchedParts,
): Health {
  return createHealth(health, {
    storage: checkedStorage(driver, storage.driver),
    redis: redis && checkedRedis(redis),
    upstreams: proxy?.offline ? [] : upstreams,
    lists: createCheckedLists(proxy, { store, metrics: telemetry.metrics, refusals }),
    log: telemetry.log,
  });
}

function checkedStorage(driver: StorageDriver, config: StorageDriverConfig): CheckedStorage {
  const isWritable = driver.isWritable?.bind(driver);
  return {
    name: driver.name,
    stat: (path) =>
      driver.stat(path).catch((error: unknown) => {
        throw error instanceof PathNotFoundError ? error : withSetting(error, config);
      }),
    isNotFound: (error) => error instanceof PathNotFoundError,
    ...(isWritable && { isWritable }),
  };
}

function checkedRedis(redis: Redis): CheckedRedis {
  const ping = { name: 'ping', writes: false, patience: 'background' } as const;
  return {
    get state() {
      return redis.state;
    },
    responds: () => redis.call(ping, (commands) => commands.ping().then(() => true), false),
  };
}
