import { join } from 'node:path';

import type { Clock } from '../clock/clock.ts';
import type { Config, ProxyConfig } from '../config/config.ts';
import { matchGlobs } from '../matching/glob.ts';
import type { Redis } from '../redis/redis.ts';
import { BundlePins } from './bundle-pins.ts';
import { Collections, type CollectionsOptions } from './collections.ts';
import type { UnprefixedUpstream } from './pushed-before.ts';
import { servedNames } from './served-names.ts';
import {
  Housekeeping,
  type HousekeepingEvents,
  type HousekeepingOptions,
  type HousekeepingPolicy,
} from './housekeeping.ts';
import { LocalControl, type LocalControlOptions } from './local-control.ts';
import { ManifestParts, type ManifestReader } from '../usage/manifest-parts.ts';
import type { UnrecordedNotes } from '../usage/unrecorded-queue.ts';
import { UsageRecorder } from '../usage/usage-recorder.ts';
import type { UsageIndex } from '../usage/usage-index.ts';

export interface IndexDamageEvents {
  indexDamaged(event: { readonly reason: string; readonly movedTo: string }): void;
}

export interface UsageOptions {
  readonly config: Config;
  /** For the shared index. Absent when Redis is not configured. */
  readonly redis: Redis | undefined;
  /** For links that could not be recorded while the index was unavailable. */
  readonly notes: UnrecordedNotes;
  readonly reader: ManifestReader;
  readonly events: HousekeepingEvents & IndexDamageEvents;
  readonly clock: Clock;
}

/** The usage record. It exists before the content store, which writes to it. */
export interface Usage {
  readonly index: UsageIndex;
  readonly recorder: UsageRecorder;
  readonly parts: ManifestParts;
  readonly notes: UnrecordedNotes;
}

/** Work of one process among those that share the storage: the leader, if they share the index. */
export interface Duty {
  schedule(): void;
  unschedule(): void;
}

/** Milliseconds. */
const FLUSH_MS = 5_000;
const GRANULARITY_MS = 30_000;
const DAY_MS = 86_400_000;

export async function openUsage({ config, redis, notes, reader, events, clock }: UsageOptions): Promise<Usage> {
  const index = isIndexShared(config) && redis ? await openSharedIndex(redis) : await openLocalIndex(config, events);
  const { ttlMs, backgroundAgeMs } = policyOf(config);
  const parts = new ManifestParts(index, reader);
  const recorder = new UsageRecorder({
    index,
    parts,
    flushMs: flushMsOf(config),
    granularityMs: Math.min(GRANULARITY_MS, ttlMs > 0 ? ttlMs / 50 : Infinity),
    backgroundAgeMs,
    notes: index.isShared ? notes : undefined,
    clock,
    onError: (error) => events.housekeepingFailed({ task: 'usage', error }),
  });
  return { index, recorder, parts, notes };
}

async function openSharedIndex(redis: Redis): Promise<UsageIndex> {
  const { RedisIndex } = await import('../usage/redis-index.ts');
  return new RedisIndex(redis);
}

async function openLocalIndex(config: Config, events: UsageOptions['events']): Promise<UsageIndex> {
  const { openIndex } = await import('../usage/open-index.ts');
  const onDamaged = events.indexDamaged.bind(events);
  return openIndex({ directory: indexDirectory(config), onDamaged }).catch((error: unknown) => {
    // On a full or read-only disk stored content is still served.
    events.housekeepingFailed({ task: 'index', error });
    return openIndex({ directory: undefined, onDamaged });
  });
}

/** Content that no client requested is evicted before what clients used within a day, and still kept for half of the TTL. */
function backgroundAgeOf(ttlMs: number): number {
  return Math.min(DAY_MS, ttlMs > 0 ? ttlMs / 2 : Infinity);
}

/** Whether processes share one index, in Redis. */
export function isIndexShared({ storage, redis }: Config): boolean {
  return storage.indexLocation === 'redis' && redis !== undefined;
}

/** Uses must be written well within the TTL, also within a short one, as when trying it out. */
function flushMsOf(config: Config): number {
  const { ttlMs } = policyOf(config);
  return Math.min(FLUSH_MS, ttlMs > 0 ? ttlMs / 4 : Infinity);
}

export type StartOptions = Omit<HousekeepingOptions, keyof Usage | 'policy' | 'collections'> &
  Pick<CollectionsOptions, 'store' | 'events'>;

export function createHousekeeping(config: Config, usage: Usage, options: StartOptions) {
  const policy = { ...policyOf(config), graceMs: usage.index.isShared ? flushMsOf(config) * 1.5 : 0 };
  const collections = new Collections({
    ...usage,
    ...options,
    policy: config.storage.garbageCollection,
    isHosted: policy.isHosted,
    isAlone: config.storage.driver.kind === 'filesystem' && !usage.index.isShared,
  });
  const duties: Duty[] = [collections];
  const scheduled: Duty = {
    schedule: () => duties.forEach((duty) => duty.schedule()),
    unschedule: () => duties.forEach((duty) => duty.unschedule()),
  };
  const housekeeping = new Housekeeping({ ...usage, ...options, policy, collections: scheduled });
  const { pinBackup, clock } = options;
  return {
    shown: { pins: housekeeping.pins, ttlMs: policy.ttlMs, isHosted: policy.isHosted },
    housekeeping,
    collections,
    bundlePins: new BundlePins({ ...usage, pinBackup, now: clock.now }),
    createControl: (parts: Pick<LocalControlOptions, 'refresh' | 'check'>) =>
      new LocalControl({ ...usage, ...parts, housekeeping, collections, policy, pinBackup, now: clock.now }),
    start() {
      housekeeping.start();
      collections.becomeOwner().catch((error: unknown) => {
        options.events.housekeepingFailed({ task: 'garbage collection', error });
      });
      if (!options.leader) scheduled.schedule();
    },
    /** Before the start. */
    addDuty: (duty: Duty) => void duties.push(duty),
    /** Also closes the usage index. */
    async stop() {
      await collections.stop();
      await housekeeping.stop();
      await usage.index.close();
    },
  };
}

/** Absent when the index does not outlive the process. */
function indexDirectory({ storage }: Config): string | undefined {
  if (storage.indexDirectory !== undefined) return storage.indexDirectory;
  const { driver } = storage;
  return driver.kind === 'filesystem' ? join(driver.rootDirectory, 'layover', 'index') : undefined;
}

function policyOf({ storage, proxy }: Config): Omit<HousekeepingPolicy, 'graceMs'> {
  const isCache = proxy !== undefined && !storage.readOnly;
  const ttlMs = isCache && !proxy.offline ? proxy.ttlMs : 0;
  return {
    ttlMs,
    backgroundAgeMs: backgroundAgeOf(ttlMs),
    quota: isCache ? storage.quota : undefined,
    pins: storage.pins,
    isHosted: proxy ? hostedRepositories(proxy) : () => true,
    unprefixed: proxy && unprefixedUpstream(proxy),
    sweepsUnreferenced: isCache,
    scrub: { rate: storage.scrub.rate, intervalMs: storage.scrub.enabled ? storage.scrub.intervalMs : 0 },
  };
}

function unprefixedUpstream({ hosted, upstreams }: ProxyConfig): UnprefixedUpstream | undefined {
  const upstream = upstreams.find(({ storePrefix }) => storePrefix === '');
  const isServed = servedNames({ hosted, upstreams: upstreams.filter((each) => each !== upstream) });
  return upstream && { name: upstream.name, owns: (repository) => !isServed(repository) };
}

/** Only content that can be fetched again expires: not content that was pushed here, also before there was an upstream. */
function hostedRepositories({ hosted, upstreams }: ProxyConfig): (repository: string) => boolean {
  const isHosted = matchGlobs(hosted);
  const isPulled = servedNames({ hosted: [], upstreams });
  return (repository) => isHosted(repository) || !isPulled(repository);
}
