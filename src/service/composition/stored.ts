import { DescriptorCache } from '../../cache/descriptor-cache.ts';
import type { Config } from '../../config/config.ts';
import { ContentStore } from '../../content/content-store.ts';
import { openUsage } from '../../retention/create-housekeeping.ts';
import { loadSchedulerState } from '../../retention/scheduler-state.ts';
import { createRedis } from '../../redis/create-redis.ts';
import { StoredContent } from '../../content/content-cache.ts';
import type { StorageDriver } from '../../storage/driver.ts';
import { createStorage } from '../../storage/index.ts';
import { withTiming } from '../../storage/timed-driver.ts';
import { BufferPool } from '../../stream/buffer-pool.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';

/** What is stored, and what is known of it. */
export async function openStored(config: Config, telemetry: Telemetry) {
  const buffers = new BufferPool();
  const driver = await createDriver(config, telemetry, buffers);
  await reportTakenOver(driver, telemetry);
  const onDamage = (damage: { path: string; reason: string }) => telemetry.cache.damagedContent(damage);
  const redis = config.redis && (await createRedis(config.redis, { events: telemetry.redis }));
  const usage = await openUsage({
    config,
    redis,
    notes: () => store.unrecorded,
    reader: () => store,
    events: telemetry.expiry,
    now: Date.now,
  });
  const { readOnly, garbageCollection, redirect } = config.storage;
  const { graceMs } = garbageCollection;
  const store: ContentStore = new ContentStore({ driver, onDamage, ledger: usage.recorder, readOnly, graceMs });
  const { shared, maxEntries } = config.descriptors;
  const descriptors = new DescriptorCache({ maxEntries, redis: shared ? redis : undefined, events: telemetry.redis });
  const content = new StoredContent(store, descriptors, onDamage, { redirect });
  return { buffers, driver, usage, store, redis, content };
}

export type Stored = Awaited<ReturnType<typeof openStored>>;

async function createDriver({ storage }: Config, telemetry: Telemetry, buffers: BufferPool): Promise<StorageDriver> {
  const driver = await createStorage(storage, { buffers, log: telemetry.log });
  if ((await driver.isWritable?.()) === false && !storage.readOnly) {
    telemetry.log.warn({ driver: driver.name }, 'storage is read-only: pushes fail and nothing is cached');
  }
  return withTiming(driver, (action) => telemetry.storageAction({ driver: driver.name, ...action }));
}

async function reportTakenOver(driver: StorageDriver, { log }: Telemetry): Promise<void> {
  const state = await loadSchedulerState(driver);
  if (state.kind === 'read') {
    log.info({ entries: state.entries.length }, "this was distribution's cache directory: its content is served on");
  } else if (state.kind === 'damaged') {
    log.warn(
      { reason: state.reason },
      'scheduler-state.json cannot be read; the cached content is served all the same',
    );
  }
}
