import { setTimeout as sleep } from 'node:timers/promises';

import type { Config } from '../config/config.ts';
import { ContentStore } from '../content/content-store.ts';
import type { CacheControl } from '../operations/cache-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { Collections } from '../retention/collections.ts';
import { createHousekeeping, isIndexShared, openUsage } from '../retention/create-housekeeping.ts';
import type { Housekeeping } from '../retention/housekeeping.ts';
import { PinBackup } from '../retention/pin-backup.ts';
import { loadSchedulerState } from '../retention/scheduler-state.ts';
import { tryAcquireDirectory } from '../locks/directory-owner.ts';
import { createRedis } from '../redis/create-redis.ts';
import type { Redis } from '../redis/redis.ts';
import { createStorage } from '../storage/index.ts';
import { BufferPool } from '../stream/buffer-pool.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

/** Milliseconds. */
const REDIS_PATIENCE_MS = 5_000;

export interface StoppedCache {
  readonly control: CacheControl;
  readonly housekeeping: Housekeeping;
  readonly collections: Collections;
  /** No server can be using the storage meanwhile. */
  readonly isAlone: boolean;
  close(): Promise<void>;
}

/**
 * The cache of a server that does not run: its storage and its index, and nothing that would ask an upstream.
 *
 * @throws {ControlError} `unavailable` when a server does run
 */
export async function openStoppedCache(config: Config, telemetry: Telemetry): Promise<StoppedCache> {
  const { driver: kind } = config.storage;
  if (kind.kind === 'inmemory')
    throw new ControlError('unavailable', 'storage in memory is there only while a server runs');
  const owner = await tryAcquireDirectory(config.storage.driver);
  if (!owner) {
    const message =
      'a server is using the storage and cannot be reached; run this as its user, or with --server and --token';
    throw new ControlError('unavailable', message);
  }
  const driver = await createStorage(
    { ...config.storage, middleware: [] },
    { buffers: new BufferPool(), log: telemetry.log },
  );
  const redis = isIndexShared(config) ? await openRedis(config, telemetry) : undefined;
  const usage = await openUsage({
    config,
    redis,
    notes: () => store.unrecorded,
    reader: () => store,
    events: telemetry.expiry,
    now: Date.now,
  });
  const store: ContentStore = new ContentStore({ driver, onDamage: () => {}, ledger: usage.recorder });
  const care = createHousekeeping(config, usage, {
    store,
    isFilling: () => false,
    onForgotten: () => {},
    refresh: undefined,
    loadSchedulerState: () => loadSchedulerState(driver),
    pinBackup: new PinBackup(driver),
    events: telemetry.expiry,
    now: Date.now,
  });
  await care.collections.keep();
  return {
    control: care.control,
    housekeeping: care.housekeeping,
    collections: care.collections,
    isAlone: kind.kind === 'filesystem',
    async close() {
      await care.stop();
      await redis?.close();
      await driver.close();
      await owner.release();
    },
  };
}

/** Whoever gives a command waits a little for what it needs. @throws {ControlError} `unavailable` */
async function openRedis(config: Config, telemetry: Telemetry): Promise<Redis | undefined> {
  const redis = config.redis && (await createRedis(config.redis, { events: telemetry.redis }));
  for (let waitedMs = 0; redis && redis.state !== 'up' && waitedMs < REDIS_PATIENCE_MS; waitedMs += 20) await sleep(20);
  if (!redis || redis.state === 'up') return redis;
  await redis.close();
  throw new ControlError('unavailable', 'the index of what is stored is in Redis, which cannot be reached');
}
