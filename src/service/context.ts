import { Auth } from '../auth/auth.ts';
import { createNotifier, tellingOf } from './composition/notifying.ts';
import { createPulling } from './composition/pulling.ts';
import { createUploadPurging, createUploads } from './composition/pushing.ts';
import { openStored } from './composition/stored.ts';
import { watchHealth } from './composition/watched-health.ts';
import type { Config } from '../config/config.ts';
import type { UploadPurging } from '../content/upload-purging.ts';
import type { CacheControl } from '../operations/cache-control.ts';
import { createHousekeeping, type Usage } from '../retention/create-housekeeping.ts';
import { PinBackup } from '../retention/pin-backup.ts';
import { loadSchedulerState } from '../retention/scheduler-state.ts';
import type { Health } from '../health/health.ts';
import type { PeerAccess } from '../http/peers/peer-fills.ts';
import { keepAlone, type Keeper } from '../locks/directory-owner.ts';
import type { Digest } from '../oci/digest.ts';
import { createLeadership } from '../redis/leadership.ts';
import type { ContentListener } from '../registry/content-event.ts';
import { HostedManifests } from '../hosted/hosted-manifests.ts';
import { LateRoom } from '../fills/deferred-quota.ts';
import { LocalRegistry } from '../hosted/hosted-registry.ts';
import { Router } from '../pull-through/router.ts';
import type { StoredContent } from '../content/content-cache.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

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

/** With `composition/` the only place that creates drivers and clients. Contacts no upstream. */
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
