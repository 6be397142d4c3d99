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
import { NO_REFUSALS } from '../../src/filters/refuse-content.ts';
import type { RateLimit } from '../support/rate-limit.ts';
import { type FleetDay, MEDIA_TYPE, personalLimit, RebuiltImages, runDay } from './ci-fleet.ts';
import { ignoredBudgetEvents } from './governing.ts';

const TAGS_TTL_MS = 5 * 60_000;
const POLICY = {
  pool: 'order',
  reserve: { part: 0.2 },
  scarce: { part: 0.1 },
  fairShare: 0.25,
  waitMs: 0,
  onExhausted: 'error',
} as const;
const ACCOUNT = 'anonymous';
const NEVER = new AbortController().signal;

/** An upstream in memory with the limit of a personal account, whose tags move. */
class MovingHub implements Pick<Upstream, 'name' | 'resolveManifest' | 'fetchManifest' | 'prefersOlder'> {
  readonly name = 'docker.io';
  readonly counts = { pulls: 0, refused: 0 };
  readonly #budget: Governor | undefined;
  readonly #limit: RateLimit;
  readonly #images: RebuiltImages;

  constructor(clock: FakeClock, budget: Governor | undefined) {
    this.#budget = budget;
    this.#limit = personalLimit(clock);
    this.#images = new RebuiltImages(clock);
  }

  async resolveManifest(repository: string, reference: Reference): Promise<ResolvedManifest> {
    const { digest, bytes } = this.#images.atTag(repository, referenceText(reference));
    await this.#budget?.observe(ACCOUNT, this.#response(200), this.#budget.ticket(ACCOUNT));
    return { digest, mediaType: MEDIA_TYPE, size: bytes.length };
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
    const bytes = this.#images.withDigest(referenceText(reference)) as Buffer;
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
}

/** The manifests of a cache in memory. */
function createManifests(upstream: MovingHub, now: () => number): PulledManifests {
  const store = createContentStore({ driver: createInmemoryDriver(), onDamage: () => {} });
  const events = { descriptorLookedUp: () => {}, sharedCacheAccessed: () => {} };
  const descriptors = new DescriptorCache({ maxEntries: 1_000, redis: undefined, events });
  return new PulledManifests({
    upstream: upstream as unknown as Upstream,
    content: new ContentCache({ store, descriptors, onDamage: () => {} }),
    tags: new TagEntries(store),
    policy: { ttlMs: TAGS_TTL_MS, rules: [], revalidate: 'blocking', onDenied: 'error', onNotFound: 'error' },
    offline: false,
    refusals: NO_REFUSALS,
    events: { staleServed: () => {}, manifestStored: () => {}, manifestNotStored: () => {} },
    now,
  });
}

/** A day of the cache of this process in front of an upstream in memory, in a few seconds. */
export async function simulateDay({ isGoverned }: { readonly isGoverned: boolean }): Promise<FleetDay> {
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
  const day = await runDay(clock, async (name, tag, client) => {
    const repository = { remote: name, stored: `docker.io/${name}` };
    const { outcome } = await manifests.get(
      repository,
      { kind: 'tag', tag },
      { spending: { class: 'client', client } },
    );
    return outcome === 'STALE' ? 'stale' : 'current';
  });
  return { ...day, ...hub.counts };
}
