import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DescriptorCache } from '../cache/descriptor-cache.ts';
import { ContentCache } from '../content/content-cache.ts';
import { createContentStore } from '../content/content-store.ts';
import type { DamageListener } from '../content/damage.ts';
import { UploadStore } from '../content/uploads.ts';
import type { FillEvents } from '../fills/fill-events.ts';
import { Fills, type StorageFullEvents } from '../fills/fills.ts';
import { RunningFills } from '../fills/running-fills.ts';
import { SpoolArea } from '../fills/spool-area.ts';
import { HostedRegistry } from '../hosted/hosted-registry.ts';
import { createUploadSecrets } from '../hosted/upload-secrets.ts';
import type { ManifestEvents } from '../pull-through/manifest-events.ts';
import type { CloseStack } from '../service/close-stack.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { BufferPool } from '../stream/buffer-pool.ts';
import { completeEvents } from './complete-events.ts';

export interface ContentOptions {
  /** Closed by the caller, after the registry. */
  readonly storage: StorageDriver;
  /** Signs the URLs of uploads, so that another process with the same secret and storage can continue them. @default random */
  readonly secret?: string;
  /** Called each time damaged content is found; it counts as absent. */
  readonly onDamage?: DamageListener;
}

/** The content of one storage, with its part in memory. */
export function openContent(
  { storage, secret, onDamage = () => {} }: ContentOptions,
  { deletes }: { deletes: boolean },
) {
  const store = createContentStore({ driver: storage, onDamage });
  const descriptors = new DescriptorCache({ maxEntries: MAX_DESCRIPTORS, redis: undefined, events: IGNORE_LOOKUPS });
  const content = new ContentCache({ store, descriptors, onDamage });
  const registry = new HostedRegistry({
    store,
    content,
    uploads: new UploadStore(storage, (repository, digest, staged) => store.blobs.publish(repository, digest, staged)),
    policy: { deletes, validation: { allow: [], deny: [], platforms: 'all' }, classes: [] },
    secrets: createUploadSecrets({ configured: secret, shared: undefined }),
    holders: async () => [],
  });
  return { store, content, registry };
}

/** Facts about fills and cached manifests. A listener must not throw. */
export type CacheEvents = FillEvents & StorageFullEvents & ManifestEvents;

export interface FillOptions {
  /** The directory of unfinished fills. @default one in the storage directory, or below the system's temporary directory */
  readonly fillDirectory?: string;
  readonly cacheEvents?: Partial<CacheEvents>;
}

interface OpenFillsOptions extends FillOptions {
  readonly storage: StorageDriver;
  readonly store: OpenContent['store'];
  /** Gets what has to be closed, before the connections that fills use. */
  readonly opened: CloseStack;
}

export type OpenContent = ReturnType<typeof openContent>;
export type OpenFills = Awaited<ReturnType<typeof openFills>>;

/** Fetches blobs into the storage. @throws when the directory of unfinished fills cannot be created */
export async function openFills({ storage, store, fillDirectory, cacheEvents, opened }: OpenFillsOptions) {
  const events = completeEvents(IGNORE_CACHE_EVENTS, cacheEvents);
  const spools = new SpoolArea({
    directory: fillDirectory ?? storage.spoolDirectory ?? join(tmpdir(), 'layover-fills'),
    maxBytes: Infinity,
    keepMs: KEEP_SPOOL_MS,
    buffers: new BufferPool(),
  });
  opened.defer(() => spools.stop());
  await spools.start();
  const fills = new Fills({ running: new RunningFills(), spools, target: store, events, ...FILL_LIMITS });
  opened.defer(() => fills.stop());
  return { fills, events };
}

const MAX_DESCRIPTORS = 10_000;
const KEEP_SPOOL_MS = 24 * 3_600_000;
/** Like the defaults of `proxy.fills`; a rate in bytes per second. */
const FILL_LIMITS = { limits: { total: 32, perUpstream: 32, maxWaitMs: 5_000 }, minRate: 10_000 };

const ignore = () => undefined;
const IGNORE_LOOKUPS = { descriptorLookedUp: ignore, sharedCacheAccessed: ignore };
const IGNORE_CACHE_EVENTS: CacheEvents = {
  fillStarted: ignore,
  fillResumed: ignore,
  fillCompleted: ignore,
  fillFailed: ignore,
  fillDiscarded: ignore,
  fillReaders: ignore,
  storageFull: ignore,
  storageRecovered: ignore,
  staleServed: ignore,
  manifestStored: ignore,
  manifestNotStored: ignore,
};
