import { DescriptorCache } from '../../cache/descriptor-cache.ts';
import type { Clock } from '../../clock/clock.ts';
import type { Config } from '../../config/config.ts';
import { ContentCache } from '../../content/content-cache.ts';
import { createContentStore } from '../../content/content-store.ts';
import type { DamageListener } from '../../content/damage.ts';
import { createManifestReader } from '../../content/manifest-files.ts';
import { UnrecordedLinks } from '../../content/unrecorded-links.ts';
import { createRedis } from '../../redis/create-redis.ts';
import type { Redis } from '../../redis/redis.ts';
import type { ContentCopies } from '../../registry/held-content.ts';
import { openUsage } from '../../retention/create-housekeeping.ts';
import { loadSchedulerState } from '../../retention/scheduler-state.ts';
import type { StorageDriver } from '../../storage/driver.ts';
import { createStorage } from '../../storage/index.ts';
import { withTiming } from '../../storage/timed-driver.ts';
import { BufferPool } from '../../stream/buffer-pool.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { closeOnFailure, type CloseStack } from '../close-stack.ts';
import { reportUnserved } from './unserved-names.ts';

export interface OpenStorageOptions {
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  /** Gets everything that has to be closed. */
  readonly opened: CloseStack;
  /** Absent: Redis is not used. */
  readonly openRedis: () => Promise<Redis | undefined>;
  readonly onDamage: DamageListener;
}

/** Opens storage, Redis, the usage record and the content store, for the server and for commands on a stopped cache. */
export async function openStorage(config: Config, options: OpenStorageOptions) {
  const { telemetry, clock, opened, openRedis, onDamage } = options;
  const { readOnly, garbageCollection } = config.storage;
  const buffers = new BufferPool();
  const storage = opened.use(await createStorage(config.storage, { buffers, log: telemetry.log }));
  const driver = withTiming(storage, (action) => telemetry.storageAction({ driver: storage.name, ...action }));
  const redis = await openRedis();
  if (redis) opened.use(redis);
  const usage = await openUsage({
    config,
    redis,
    notes: new UnrecordedLinks(driver),
    reader: createManifestReader(driver, onDamage),
    events: telemetry.housekeeping,
    clock,
  });
  opened.use(usage.index);
  const { graceMs } = garbageCollection;
  const store = createContentStore({ driver, onDamage, ledger: usage.recorder, readOnly, graceMs });
  return { buffers, driver, redis, usage, store };
}

/** The server's storage, with the content that it keeps in memory. When it fails, everything that it opened is closed first. */
export function openStored(
  config: Config,
  {
    telemetry,
    clock,
    copies,
  }: Pick<OpenStorageOptions, 'telemetry' | 'clock'> & { readonly copies?: ContentCopies | undefined },
) {
  return closeOnFailure(async (opened) => {
    const onDamage: DamageListener = (damage) => telemetry.cache.damagedContent(damage);
    const openRedis = async () => config.redis && createRedis(config.redis, { events: telemetry.redis });
    const stored = await openStorage(config, { telemetry, clock, opened, openRedis, onDamage });
    await reportReadOnly(stored.driver, config, telemetry);
    await reportTakenOver(stored.driver, config, telemetry);
    const { shared, maxEntries } = config.descriptors;
    const redis = shared ? stored.redis : undefined;
    const descriptors = new DescriptorCache({ maxEntries, redis, events: telemetry.redis, clock });
    const { redirect } = config.storage;
    const content = new ContentCache({ store: stored.store, descriptors, onDamage, redirect, clock, copies });
    return { ...stored, content, close: () => opened.close() };
  });
}

export type Stored = Awaited<ReturnType<typeof openStored>>;

async function reportReadOnly(driver: StorageDriver, { storage }: Config, { log }: Telemetry): Promise<void> {
  if (storage.readOnly || (await driver.isWritable?.()) !== false) return;
  log.warn({ driver: driver.name }, 'storage is read-only: pushes fail and nothing is cached');
}

async function reportTakenOver(driver: StorageDriver, { proxy }: Config, { log }: Telemetry): Promise<void> {
  const state = await loadSchedulerState(driver);
  if (state.kind === 'unavailable') return;
  // Listing takes long on S3, and the start does not wait for it.
  void reportUnserved({ driver, proxy, state, log }).catch((error: unknown) => {
    log.debug({ reason: String(error) }, 'stored repositories could not be listed');
  });
  if (state.kind === 'read') {
    log.info({ entries: state.entries.length }, 'found a cache written by distribution');
  } else if (state.kind === 'damaged') {
    const isMixed = proxy?.upstreams.some(({ storePrefix }) => storePrefix === '') ?? false;
    const remedy = isMixed ? ', and pushed repositories expire like it unless proxy.hosted lists them' : '';
    log.warn({ reason: state.reason }, `cannot read scheduler-state.json; the cached content stays available${remedy}`);
  }
}
