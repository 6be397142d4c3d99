import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Auth } from './auth/auth.ts';
import { DescriptorCache } from './cache/descriptor-cache.ts';
import type { Config, ProxyConfig, UpstreamConfig } from './config/config.ts';
import { ContentStore } from './content/content-store.ts';
import { UploadPurging } from './content/upload-purging.ts';
import { UploadStore } from './content/uploads.ts';
import { type CacheControl, ControlError, type RefreshResult } from './expiry/cache-control.ts';
import { createHousekeeping, openUsage, type Usage } from './expiry/create-housekeeping.ts';
import { PinBackup } from './expiry/pin-backup.ts';
import { loadSchedulerState } from './expiry/scheduler-state.ts';
import type { CheckedRedis } from './http/health-dependencies.ts';
import { createHealth, type Health } from './http/health.ts';
import type { PeerAccess } from './http/peer-fills.ts';
import { keepAlone, type Keeper } from './keeper.ts';
import { also } from './notifications/also.ts';
import { createCacheEvents } from './notifications/cache-events.ts';
import { Notifier, sourceOf } from './notifications/notifier.ts';
import { createRedis } from './redis/connection.ts';
import { createLeadership } from './redis/leadership.ts';
import { createPeerSecret } from './redis/peer-secret.ts';
import type { Redis } from './redis/redis.ts';
import type { ContentListener } from './registry/content-event.ts';
import { Fills } from './registry/fills.ts';
import { BlobMounts } from './registry/blob-mounts.ts';
import { HostedUploads } from './registry/hosted-uploads.ts';
import { createUploadSecrets, type UploadSecrets } from './registry/upload-secrets.ts';
import { HostedManifests } from './registry/hosted-manifests.ts';
import { limitUploads } from './registry/limited-uploads.ts';
import { LocalRegistry } from './registry/local.ts';
import { PulledBlobs } from './registry/pulled-blobs.ts';
import { PulledManifests } from './registry/pulled-manifests.ts';
import { PullThroughRegistry } from './registry/pull-through.ts';
import type { UploadWriter } from './registry/registry.ts';
import { Relay } from './registry/relay.ts';
import { Router, type UpstreamRoute } from './registry/router.ts';
import { LateRoom } from './registry/late-room.ts';
import { SpoolArea, type StoreRoom } from './registry/spool-area.ts';
import { SpoolLocks } from './registry/spool-locks.ts';
import { StoredContent } from './registry/stored-content.ts';
import { TagEntries } from './registry/tag-entries.ts';
import { createPeerAccess, createReplicas } from './replicas.ts';
import type { StorageDriver } from './storage/driver.ts';
import type { Digest } from './oci/digest.ts';
import { createStorage } from './storage/index.ts';
import { measured } from './storage/measured.ts';
import { BufferPool } from './stream/buffer-pool.ts';
import type { Telemetry } from './telemetry/telemetry.ts';
import { createUpstream } from './upstream/registry-upstream.ts';
import type { Upstream } from './upstream/upstream.ts';
import { VERSION } from './version.ts';

export interface ContextOptions {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly telemetry: Telemetry;
}

/** The objects that the service is made of, put together. Whoever creates it closes it. */
export interface Context {
  readonly router: Router;
  readonly local: LocalRegistry;
  readonly health: Health;
  /** Undefined: everybody may do everything. */
  readonly auth: Auth | undefined;
  /** Undefined without other replicas. */
  readonly peers: PeerAccess | undefined;
  readonly cache: CacheControl;
  /** To be told what clients do to content. Undefined: nobody wants to know. */
  readonly listener: ContentListener | undefined;
  /** Resolves when this process, of those that share a directory, looks after the stored content; it may be that it never does. */
  readonly keeping: Promise<void>;
  /** It does from the start. */
  readonly isKeeper: boolean;
  close(): Promise<void>;
}

/** The only place that creates drivers and clients. Contacts no upstream. */
export async function createContext({ config, env, telemetry: recorded }: ContextOptions): Promise<Context> {
  const notifier = await createNotifier({ config, env, telemetry: recorded });
  const telemetry = notifier && config.notifications?.cacheEvents ? tellingOf(recorded, notifier) : recorded;
  const auth = config.auth && (await Auth.open({ config: config.auth, events: telemetry.auth, now: Date.now }));
  const stored = await openStored(config, telemetry);
  const { driver, store, content, redis, usage } = stored;
  const { readOnly } = config.storage;
  const local = new LocalRegistry(store, content);
  const room = new LateRoom();
  const pulling =
    config.proxy &&
    (await createPulling(config.proxy, { ...stored, local, telemetry, env, room, secret: config.http.secret }));
  const health = watchHealth(config, { driver, redis, upstreams: pulling?.upstreams ?? [], telemetry });
  const uploads = createUploads(config, { ...stored, telemetry });
  const router = new Router({
    local,
    writer: readOnly
      ? undefined
      : { uploads: uploads.writer, manifests: new HostedManifests({ store, content, policy: config.push }) },
    hosted: config.proxy?.hosted ?? [],
    upstreams: pulling?.routes ?? [],
  });
  const care = createHousekeeping(config, usage, {
    store,
    leader: usage.index.isShared ? redis && createLeadership(redis, 'housekeeping') : undefined,
    isFilling: (digest) => pulling?.isFilling(digest) ?? false,
    onForgotten: forgetting(content, pulling),
    refresh: pulling && ((repository, tag) => pulling.refresh(repository, tag)),
    loadSchedulerState: () => loadSchedulerState(driver),
    pinBackup: new PinBackup(driver),
    events: telemetry.expiry,
    now: Date.now,
  });
  room.open(care.housekeeping.quota);
  telemetry.expiry.quota(config.storage.quota?.size ?? 0);
  const purging = createUploadPurging(config, driver, telemetry);
  const keeper = await keep(config, { care, usage, purging });
  return {
    router,
    local,
    health,
    auth,
    peers: pulling?.peers,
    cache: care.control,
    listener: notifier && ((event, origin) => notifier.notify(event, origin)),
    keeping: keeper.keeping,
    isKeeper: keeper.isKeeper,
    async close() {
      health.stop();
      await notifier?.close();
      await pulling?.close();
      await uploads.close();
      await purging?.stop();
      await care.stop();
      await keeper.release();
      await redis?.close();
      await driver.close();
    },
  };
}

/** What is in memory of content goes with it. */
function forgetting(content: StoredContent, pulling: { forgetTag(repository: string, tag: string): void } | undefined) {
  return (repository: string, digest: Digest, tags: readonly string[]) => {
    content.forget(repository, digest);
    for (const tag of tags) pulling?.forgetTag(repository, tag);
  };
}

/** What the cache does by itself is recorded, and told to others. */
function tellingOf(telemetry: Telemetry, notifier: Notifier): Telemetry {
  const { cache, expiry } = createCacheEvents((action, target) => notifier.tellOfCache(action, target));
  return { ...telemetry, cache: also(telemetry.cache, cache), expiry: also(telemetry.expiry, expiry) };
}

async function createNotifier({ config, env, telemetry }: ContextOptions): Promise<Notifier | undefined> {
  if (!config.notifications) return undefined;
  return Notifier.open({
    config: config.notifications,
    source: sourceOf(config.http),
    env,
    userAgent: `layover/${VERSION}`,
    events: telemetry.notifications,
    createLocks: (directory) => new SpoolLocks(join(directory, '.locks')),
    now: Date.now,
  });
}

/** With an index of its own a process looks after the content when it has the storage directory for itself. */
function keep(
  config: Config,
  { care, usage, purging }: { care: { start(): void }; usage: Usage; purging: UploadPurging | undefined },
): Promise<Keeper> {
  const { isShared } = usage.index;
  if (isShared) care.start();
  return keepAlone(config, () => {
    if (!isShared) care.start();
    purging?.start();
  });
}

/** What is stored, and what is known of it. */
async function openStored(config: Config, telemetry: Telemetry) {
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

async function createDriver({ storage }: Config, telemetry: Telemetry, buffers: BufferPool): Promise<StorageDriver> {
  const driver = await createStorage(storage, { buffers, log: telemetry.log });
  return measured(driver, (action) => telemetry.storageAction({ driver: driver.name, ...action }));
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

interface Parts {
  readonly buffers: BufferPool;
  readonly driver: StorageDriver;
  readonly store: ContentStore;
  readonly content: StoredContent;
  readonly local: LocalRegistry;
  readonly telemetry: Telemetry;
  readonly env: ContextOptions['env'];
  readonly redis: Redis | undefined;
  readonly usage: Usage;
  readonly room: StoreRoom;
}

/** What only a pull-through cache has: upstreams, and the fills that they all share. */
async function createPulling(proxy: ProxyConfig, parts: Parts & { secret: string | undefined }) {
  const { buffers, driver, store, telemetry } = parts;
  const spools = new SpoolArea({
    directory: proxy.fills.directory ?? driver.spoolDirectory ?? join(tmpdir(), 'layover-fills'),
    maxBytes: proxy.fills.maxSpoolBytes,
    keepMs: proxy.fills.keepSpoolMs,
    buffers,
    onSize: (bytes) => telemetry.cache.spoolBytes(bytes),
    store: parts.room,
  });
  await spools.start();
  const { maxConcurrent, advertise } = proxy.fills;
  const replicas = createReplicas(advertise, parts);
  const sharing = replicas && { sharing: replicas.sharing };
  const fills = new Fills({ spools, target: store, events: telemetry.cache, maxConcurrent, ...sharing });
  const shared = parts.redis && createPeerSecret(parts.redis);
  const secrets = createUploadSecrets({ configured: parts.secret, shared });
  const upstreams: Upstream[] = [];
  const routes = proxy.upstreams.map((config) => {
    const follow = telemetry.tracing?.followUpstream;
    const upstream = createUpstream({ config, env: parts.env, events: telemetry.upstream, follow, version: VERSION });
    upstreams.push(upstream);
    return createRoute(config, { ...parts, upstream, fills, offline: proxy.offline, secrets });
  });
  return {
    upstreams,
    routes: routes.map(({ route }) => route),
    isFilling: (digest: Digest) => fills.find(digest) !== undefined,
    forgetTag(repository: string, tag: string) {
      for (const { tags } of routes) tags.forget(repository, tag);
    },
    async refresh(repository: string, tag: string): Promise<RefreshResult> {
      for (const { registry } of routes) {
        const refreshed = await registry.refreshTag(repository, tag);
        if (refreshed) return refreshed;
      }
      throw new ControlError('not-found', `${repository} is of none of the upstreams`);
    },
    peers: replicas && createPeerAccess(replicas.secret, { fills, store }),
    async close() {
      await fills.stop();
      spools.stop();
      await replicas?.close();
      await Promise.all(upstreams.map((upstream) => upstream.close()));
    },
  };
}

/** Pushes of blobs to hosted names. */
function createUploads(
  { http }: Config,
  parts: Pick<Parts, 'driver' | 'store' | 'content' | 'redis' | 'usage' | 'telemetry'>,
): { readonly writer: UploadWriter; close(): Promise<void> } {
  const { driver, store, content, redis, usage, telemetry } = parts;
  if (http.secret === undefined && !redis) {
    telemetry.log.info({}, 'no http.secret is configured: a push can only go on at the process at which it began');
  }
  const holders = async (digest: Digest) => (await usage.index.holders(digest)).map(({ repository }) => repository);
  const uploads = new HostedUploads({
    uploads: new UploadStore(driver, (repository, digest, staged) => store.commitUpload(repository, digest, staged)),
    mounts: new BlobMounts({ store, holders }),
    secrets: createUploadSecrets({ configured: http.secret, shared: redis && createPeerSecret(redis) }),
    onStored: (repository, digest, size) => content.blobStored(repository, digest, size),
    now: Date.now,
  });
  return { writer: limitUploads(uploads, http.limits.maxBlobBytes), close: () => uploads.close() };
}

function createUploadPurging(
  { storage: { uploadPurging, readOnly } }: Config,
  driver: StorageDriver,
  { expiry, log }: Telemetry,
): UploadPurging | undefined {
  if (!uploadPurging || readOnly) return undefined;
  return new UploadPurging({
    ...uploadPurging,
    driver,
    now: Date.now,
    onPurged: ({ uploads, dryRun }) =>
      log.info(
        { uploads, dryrun: dryRun },
        dryRun ? 'uploads that nobody finished: they stay' : 'uploads that nobody finished removed',
      ),
    onFailed: (error) => expiry.housekeepingFailed({ task: 'uploadpurging', error }),
  });
}

function createRoute(
  config: UpstreamConfig,
  {
    store,
    content,
    local,
    telemetry,
    ...parts
  }: Parts & { upstream: Upstream; fills: Fills; offline: boolean; secrets: UploadSecrets },
): { readonly route: UpstreamRoute; readonly registry: PullThroughRegistry; readonly tags: TagEntries } {
  const { upstream, fills, offline, usage } = parts;
  const tags = new TagEntries(store);
  const manifests = new PulledManifests({
    upstream,
    content,
    tags,
    policy: config.tags,
    offline,
    events: telemetry.cache,
    now: Date.now,
  });
  const registry = new PullThroughRegistry({
    upstream,
    manifests,
    blobs: new PulledBlobs({ upstream, content, store, fills, offline }),
    local,
    storePrefix: config.storePrefix,
    allow: config.allow,
    deny: config.deny,
    offline,
    onUsed: (repository, digest, kind, size) => usage.recorder.used(repository, digest, kind, size),
  });
  const { name, aliases, library, isDefault, storePrefix } = config;
  const relay = config.passthrough
    ? new Relay({ ...config, upstream, offline, store, content, tags, secrets: parts.secrets })
    : undefined;
  return { route: { name, aliases, library, isDefault, storePrefix, registry, relay }, registry, tags };
}

function watchHealth(
  { health, proxy }: Config,
  { driver, redis, upstreams, telemetry }: Pick<Parts, 'driver' | 'redis' | 'telemetry'> & { upstreams: Upstream[] },
): Health {
  return createHealth(health, {
    storage: driver,
    redis: redis && checkedRedis(redis),
    upstreams: proxy?.offline ? [] : upstreams,
    log: telemetry.log,
  });
}

function checkedRedis(redis: Redis): CheckedRedis {
  const ping = { name: 'ping', writes: false, patience: 'background' } as const;
  return {
    get state() {
      return redis.state;
    },
    answers: () => redis.call(ping, (commands) => commands.ping().then(() => true), false),
  };
}
