import { DescriptorCache } from '../../src/cache/descriptor-cache.ts';
import { ContentCache } from '../../src/content/content-cache.ts';
import { Fills } from '../../src/fills/fills.ts';
import { RunningFills } from '../../src/fills/running-fills.ts';
import { SpoolArea } from '../../src/fills/spool-area.ts';
import { NO_REFUSALS } from '../../src/filters/refuse-content.ts';
import { PulledBlobs } from '../../src/pull-through/pulled-blobs.ts';
import { PulledManifests, type PulledManifestsOptions } from '../../src/pull-through/pulled-manifests.ts';
import { TagEntries } from '../../src/pull-through/tag-entries.ts';
import type { ContentRefusals } from '../../src/registry/refusals.ts';
import { BufferPool } from '../../src/stream/buffer-pool.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import { createContent } from '../content/content-under-test.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';

export const MINUTE_MS = 60_000;

export interface PullingOptions {
  readonly offline?: boolean;
  readonly policy?: Partial<PulledManifestsOptions['policy']>;
  readonly refusals?: ContentRefusals;
}

/** The parts of a pull-through registry over a fake upstream and a real content store, with a clock that tests set. */
export async function startPulling({ offline = false, policy, refusals = NO_REFUSALS }: PullingOptions = {}) {
  const contents = await createContent();
  const { store, driver, damages } = contents;
  const fake = new FakeUpstream();
  const upstream = fake as unknown as Upstream;
  const clock = { now: Date.now() };
  const events: string[] = [];
  const descriptors = new DescriptorCache({
    maxEntries: 100,
    redis: undefined,
    events: { descriptorLookedUp: () => {}, sharedCacheAccessed: () => {} },
  });
  const content = new ContentCache({ store, descriptors, onDamage: (damage) => damages.push(damage) });
  const spools = new SpoolArea({
    directory: driver.spoolDirectory as string,
    maxBytes: 1024 ** 3,
    keepMs: MINUTE_MS,
    buffers: new BufferPool(),
  });
  await spools.start();
  const fills = new Fills({
    running: new RunningFills(),
    spools,
    target: store,
    limits: { total: 4, perUpstream: 4, maxWaitMs: 5_000 },
    minRate: 0,
    events: ignoredFillEvents(),
  });
  const tags = new TagEntries(store);
  const manifests = new PulledManifests({
    upstream,
    content,
    tags,
    policy: { ttlMs: MINUTE_MS, rules: [], revalidate: 'blocking', onDenied: 'stale', onNotFound: 'error', ...policy },
    offline,
    refusals,
    events: {
      staleServed: ({ tag }) => events.push(`stale ${tag}`),
      manifestStored: () => events.push('stored'),
      manifestNotStored: () => events.push('not stored'),
    },
    now: () => clock.now,
  });
  return {
    upstream: fake,
    clock,
    events,
    store,
    content,
    tags,
    manifests,
    blobs: new PulledBlobs({ upstream, content, store, fills, offline, refusals }),
    async [Symbol.asyncDispose]() {
      await fills.stop();
      spools.stop();
      await contents[Symbol.asyncDispose]();
    },
  };
}

function ignoredFillEvents() {
  const ignore = () => {};
  return {
    fillStarted: ignore,
    fillResumed: ignore,
    fillCompleted: ignore,
    fillFailed: ignore,
    fillDiscarded: ignore,
    fillReaders: ignore,
    storageFull: ignore,
    storageRecovered: ignore,
  };
}
