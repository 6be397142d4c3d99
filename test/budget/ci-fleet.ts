import { type Digest, digestOf } from '../../src/oci/digest.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import { RateLimit } from '../support/rate-limit.ts';

const MINUTE_MS = 60_000;
const HOURS = 24;
const JOBS_PER_HOUR = 300;
const IMAGES = 80;
const RUNNERS = 20;
/** Each of the images is rebuilt under its tag this often, so that 320 in 6 h are new where 200 are allowed. */
const REBUILT_EVERY_MS = 90 * MINUTE_MS;
/** A release is published this often, which every runner uses once. */
const RELEASED_EVERY_MS = 30 * MINUTE_MS;

export const MEDIA_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/** What a day was like for the jobs, and for the upstream. */
export interface FleetDay {
  readonly jobs: number;
  readonly failed: number;
  /** Jobs with an older image than the upstream has. */
  readonly stale: number;
  /** Counted by the upstream. */
  readonly pulls: number;
  /** Pulls that the upstream refused with 429. */
  readonly refused: number;
}

/** The limit of a personal account. */
export function personalLimit(clock: FakeClock): RateLimit {
  return Object.assign(new RateLimit({ now: clock.now }), { limit: 200, enforced: true });
}

/** Manifests of images whose tag `latest` is rebuilt, each at another moment; other tags stay. */
export class RebuiltImages {
  readonly #clock: FakeClock;
  readonly #startedAt: number;
  readonly #contents = new Map<string, Buffer>();

  constructor(clock: FakeClock) {
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  /** What the tag names now. */
  atTag(name: string, tag: string): { readonly digest: Digest; readonly bytes: Buffer } {
    const offset = (Number(name.replace(/\D/g, '')) * REBUILT_EVERY_MS) / IMAGES;
    const build = Math.floor((this.#clock.now() - this.#startedAt + offset) / REBUILT_EVERY_MS);
    const annotations = { name, build: tag === 'latest' ? `${build}` : tag };
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE, layers: [], annotations }));
    const digest = digestOf(bytes);
    this.#contents.set(digest, bytes);
    return { digest, bytes };
  }

  /** What a tag named before, or names now. */
  withDigest(digest: string): Buffer | undefined {
    return this.#contents.get(digest);
  }
}

/**
 * A day of jobs, each of which pulls one image.
 *
 * @param pull resolves to `stale` when the image is an older one, and rejects when the job fails
 */
export async function runDay(
  clock: FakeClock,
  pull: (name: string, tag: string, runner: string) => Promise<'current' | 'stale'>,
): Promise<Pick<FleetDay, 'jobs' | 'failed' | 'stale'>> {
  const pick = sequence(7);
  const startedAt = clock.now();
  const day = { jobs: 0, failed: 0, stale: 0 };
  for (let job = 0; job < HOURS * JOBS_PER_HOUR; job++) {
    await clock.advance((60 * MINUTE_MS) / JOBS_PER_HOUR);
    const runner = `runner-${pick(RUNNERS)}`;
    const release = Math.floor((clock.now() - startedAt) / RELEASED_EVERY_MS);
    const [name, tag] = pick(10) === 0 ? ['acme/release', `v${release}`] : [`library/image-${pick(IMAGES)}`, 'latest'];
    day.jobs++;
    const result = await pull(name, tag, runner).catch(() => 'failed' as const);
    if (result !== 'current') day[result]++;
  }
  return day;
}

/** A sequence that looks random and is the same each time. */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}
