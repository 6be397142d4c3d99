import { setTimeout as sleep } from 'node:timers/promises';

import { SYSTEM_CLOCK } from '../clock/clock.ts';
import type { Config } from '../config/config.ts';
import { refuseContent } from '../filters/refuse-content.ts';
import { tryAcquireDirectory } from '../locks/directory-owner.ts';
import type { BundleControl } from '../operations/bundle-control.ts';
import type { CacheControl } from '../operations/cache-control.ts';
import type { RecallControl } from '../operations/recall-control.ts';
import { ControlError } from '../operations/control-error.ts';
import { NO_PULL_LOG, type PullLog } from '../operations/pull-log.ts';
import { createRedis } from '../redis/create-redis.ts';
import type { Redis } from '../redis/redis.ts';
import type { Collections } from '../retention/collections.ts';
import { createHousekeeping, isIndexShared } from '../retention/create-housekeeping.ts';
import type { Housekeeping } from '../retention/housekeeping.ts';
import { PinBackup } from '../retention/pin-backup.ts';
import { UnprefixedOwner } from '../retention/unprefixed-owner.ts';
import { loadSchedulerState } from '../retention/scheduler-state.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { closeOnFailure, type CloseStack } from './close-stack.ts';
import { createPullRecorder } from './composition/auditing.ts';
import { createBundles } from './composition/bundles.ts';
import { createImageCheck } from './composition/image-checks.ts';
import { createDenying } from './composition/denying.ts';
import { openStorage } from './composition/stored.ts';
import { createImportUploads, createStoredImages } from './composition/stored-images.ts';

/** How long a command waits for Redis. Milliseconds. */
const REDIS_PATIENCE_MS = 5_000;

export interface StoppedCache {
  readonly control: CacheControl;
  readonly pulls: PullLog;
  readonly housekeeping: Housekeeping;
  readonly collections: Collections;
  readonly bundles: BundleControl;
  readonly recalls: RecallControl;
  /** No server can use the storage meanwhile. */
  readonly isAlone: boolean;
  close(): Promise<void>;
}

/**
 * Opens the cache of a server that is not running: its storage and its index, without upstreams.
 * When it fails, everything that it opened is closed first.
 *
 * @throws {ControlError} `unavailable` when a server is running
 */
export function openStoppedCache(config: Config, telemetry: Telemetry): Promise<StoppedCache> {
  return closeOnFailure((opened) => openParts(config, telemetry, opened));
}

async function openParts(config: Config, telemetry: Telemetry, opened: CloseStack): Promise<StoppedCache> {
  const { kind } = config.storage.driver;
  if (kind === 'inmemory')
    throw new ControlError('unavailable', 'storage in memory exists only while a server is running');
  await ownStorage(config, opened);
  const { driver, redis, usage, store } = await openStorage(
    { ...config, storage: { ...config.storage, middleware: [] } },
    {
      telemetry,
      clock: SYSTEM_CLOCK,
      opened,
      openRedis: async () => (isIndexShared(config) ? openRedis(config, telemetry) : undefined),
      onDamage: () => {},
    },
  );
  const denying = { opened, driver, redis, telemetry, clock: SYSTEM_CLOCK };
  const { refusals, recalls } = await createDenying(config, denying);
  const retention = createHousekeeping(config, usage, {
    store,
    isFilling: () => false,
    onForgotten: () => {},
    loadSchedulerState: () => loadSchedulerState(driver),
    pinBackup: new PinBackup(driver),
    unprefixedOwner: new UnprefixedOwner(driver),
    events: telemetry.housekeeping,
    clock: SYSTEM_CLOCK,
  });
  opened.defer(() => retention.stop());
  const pulls = await createPullRecorder(config, { redis, usage, store, telemetry, clock: SYSTEM_CLOCK });
  if (pulls) opened.use(pulls);
  const { housekeeping, collections } = retention;
  const uploads = createImportUploads({ driver, store });
  await collections.becomeOwner();
  return {
    control: retention.createControl({ refresh: undefined, check: createImageCheck(config.proxy, store, refusals) }),
    pulls: pulls ?? NO_PULL_LOG,
    housekeeping,
    collections,
    bundles: opened.use(
      createBundles(config, {
        store,
        registry: refuseContent(opened.use(createStoredImages({ driver, store, telemetry, uploads })), refusals),
        uploads,
        quota: housekeeping.quota,
        pins: retention.bundlePins,
        log: telemetry.log,
        onTagged: async () => {},
      }),
    ),
    recalls,
    isAlone: kind === 'filesystem',
    close: () => opened.close(),
  };
}

/** @throws {ControlError} `unavailable` */
async function ownStorage(config: Config, opened: CloseStack): Promise<void> {
  const owner = await tryAcquireDirectory(config.storage.driver);
  if (!owner) {
    const message =
      'a server is using the storage and cannot be reached; run this as its user, or with --server and --token';
    throw new ControlError('unavailable', message);
  }
  opened.defer(() => owner.release());
}

/** @throws {ControlError} `unavailable` */
async function openRedis(config: Config, telemetry: Telemetry): Promise<Redis | undefined> {
  const redis = config.redis && (await createRedis(config.redis, { events: telemetry.redis }));
  for (let waitedMs = 0; redis && redis.state !== 'up' && waitedMs < REDIS_PATIENCE_MS; waitedMs += 20) await sleep(20);
  if (!redis || redis.state === 'up') return redis;
  await redis.close();
  throw new ControlError('unavailable', 'the usage index is in Redis, and Redis cannot be reached');
}
