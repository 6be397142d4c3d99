import { describe, expect, it } from 'vitest';

import { LocalBuckets } from '../../src/budget/buckets.ts';
import { Governor } from '../../src/budget/governor.ts';
import { DescriptorCache } from '../../src/cache/descriptor-cache.ts';
import { ContentCache } from '../../src/content/content-cache.ts';
import { createContentStore } from '../../src/content/content-store.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { type Reference, referenceText } from '../../src/oci/reference.ts';
import { PulledManifests } from '../../src/pull-through/pulled-manifests.ts';
import { TagEntries } from '../../src/pull-through/tag-entries.ts';
import { createInmemoryDriver } from '../../src/storage/inmemory/inmemory.ts';
import {
  type ResolvedManifest,
  type Upstream,
  type UpstreamCallOptions,
  UpstreamError,
} from '../../src/upstream/upstream.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RateLimit } from '../support/rate-limit.ts';
import { ignoredBudgetEvents } from './governing.ts';

const MINUTE_MS = 60_000;
const HOURS = 24;
const JOBS_PER_HOUR = 300;
const IMAGES = 80;
const RUNNERS = 20;
/** Each of the images is rebuilt under its tag this often, so that 320 in 6 h are new where 200 are allowed. */
const REBUILT_EVERY_MS = 90 * MINUTE_MS;
/** A release is published this often, which every runner uses once. */
const RELEASED_EVERY_MS = 30 * MINUTE_MS;

const POLICY = {
  pool: 'order',
  reserve: { part: 0.2 },
  scarce: { part: 0.1 },
  fairShare: 0.25,
  waitMs: 0,
  onExhausted: 'error',
} as const;

const MEDIA_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const ACCOUNT = 'anonymous';

/** An upstream in memory with the limit of a personal account, whose tags move. */
class MovingHub implements Pick<Upstream, 'name' | 'resolveManifest' | 'fetchManifest' | 'prefersOlder'> {
  readonly name = 'docker.io';
  readonly counts = { pulls: 0, refused: 0, heads: 0 };
  readonly #clock: FakeClock;
  readonly #budget: Governor | undefined;
  readonly #limit: RateLimit;
  readonly #startedAt: number;
  readonly #contents = new Map<string, Buffer>();

  constructor(clock: FakeClock, budget: Governor | undefined) {
    this.#clock = clock;
    this.#budget = budget;
    this.#startedAt = clock.now();
    this.#limit = Object.assign(new RateLimit({ now: clock.now }), { limit: 200, enforced: true });
  }

  async resolveManifest(repository: string, reference: Reference): Promise<ResolvedManifest> {
    this.counts.heads++;
    const bytes = this.#contentOf(repository, referenceText(reference));
    await this.#budget?.observe(ACCOUNT, this.#response(200), this.#budget.ticket(ACCOUNT));
    return { digest: digestOf(bytes), mediaType: MEDIA_TYPE, size: bytes.length };
  }

  async fetchManifest(repository: string, reference: Reference, options: UpstreamCallOptions = {}) {
    const { spending = { class: 'client' } } = options;
    const pull = await this.#budget?.admit({ spending, repository, tried: [], isAside: () => false, signal: NEVER });
    if (pull && !pull.isAdmitted) throw new UpstreamError('throttled', pull.reason, { upstream: this.name });
    const isRefused = this.#limit.spent;
    this.counts[isRefused ? 'refused' : 'pulls']++;
    if (!isRefused) this.#limit.count();
    await pull?.responded(this.#response(isRefused ? 429 : 200));
    if (isRefused) throw new UpstreamError('throttled', '429', { upstream: this.name, status: 429 });
    const bytes = this.#contents.get(referenceText(reference)) as Buffer;
    return { bytes, mediaType: MEDIA_TYPE, claimedDigest: digestOf(bytes) };
  }

  prefersOlder(repository: string): boolean {
    return this.#budget?.prefersOlder(repository, () => false) ?? false;
  }

  #response(status: number) {
    const { limit, windowSeconds, remaining } = this.#limit;
    const stated = { limit, windowMs: windowSeconds * 1_000, remaining };
    return { status, stated, source: 'address', retryAfterMs: undefined };
  }

  /** `latest` is rebuilt, each image at another moment. */
  #contentOf(name: string, tag: string): Buffer {
    const offset = (Number(name.replace(/\D/g, '')) * REBUILT_EVERY_MS) / IMAGES;
    const build = Math.floor((this.#clock.now() - this.#startedAt + offset) / REBUILT_EVERY_MS);
    const annotations = { name, build: tag === 'latest' ? `${build}` : tag };
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE, layers: [], annotations }));
    this.#contents.set(digestOf(bytes), bytes);
    return bytes;
  }
}

const NEVER = new AbortController().signal;

/** The manifests of a cache in memory. */
function createManifests(upstream: MovingHub, now: () => number): PulledManifests {
  const store = createContentStore({ driver: createInmemoryDriver(), onDamage: () => {} });
  const events = { descriptorLookedUp: () => {}, sharedCacheAccessed: () => {} };
  const descriptors = new DescriptorCache({ maxEntries: 1_000, redis: undefined, events });
  return new PulledManifests({
    upstream: upstream as unknown as Upstream,
    content: new ContentCache({ store, descriptors, onDamage: () => {} }),
    tags: new TagEntries(store),
    policy: { ttlMs: 5 * MINUTE_MS, rules: [], revalidate: 'blocking', onDenied: 'error', onNotFound: 'error' },
    offline: false,
    events: { staleServed: () => {}, manifestStored: () => {}, manifestNotStored: () => {} },
    now,
  });
}

/** A sequence that looks random and is the same each time. */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

async function simulate(isGoverned: boolean) {
  const clock = new FakeClock();
  const budget = new Governor({
    upstream: 'docker.io',
    members: [{ name: ACCOUNT }],
    policy: POLICY,
    buckets: new LocalBuckets(),
    clock,
    events: ignoredBudgetEvents(),
  });
  const hub = new MovingHub(clock, isGoverned ? budget : undefined);
  const manifests = createManifests(hub, clock.now);
  const pick = sequence(7);
  const startedAt = clock.now();
  const clients = { jobs: 0, failed: 0, stale: 0 };
  const pull = async (name: string, tag: string, client: string) => {
    const repository = { remote: name, stored: `docker.io/${name}` };
    clients.jobs++;
    try {
      const { outcome } = await manifests.get(repository, { kind: 'tag', tag }, { class: 'client', client });
      if (outcome === 'STALE') clients.stale++;
    } catch {
      clients.failed++;
    }
  };
  for (let job = 0; job < HOURS * JOBS_PER_HOUR; job++) {
    await clock.advance((60 * MINUTE_MS) / JOBS_PER_HOUR);
    const runner = `runner-${pick(RUNNERS)}`;
    const release = Math.floor((clock.now() - startedAt) / RELEASED_EVERY_MS);
    if (pick(10) === 0) await pull('acme/release', `v${release}`, runner);
    else await pull(`library/image-${pick(IMAGES)}`, 'latest', runner);
  }
  return { ...clients, ...hub.counts };
}

describe('a day of 300 jobs an hour with 80 images that are rebuilt, and 200 pulls in 6 h', () => {
  it('has no failed job with the governor, and many without', async () => {
    const governed = await simulate(true);
    const alone = await simulate(false);
    expect(governed).toMatchObject({ failed: 0, refused: 0 });
    expect(governed.pulls).toBeLessThanOrEqual((200 * HOURS) / 6 + 200);
    expect(alone.failed).toBeGreaterThan(50);
    expect(alone.refused).toBeGreaterThan(100);
  });
});
