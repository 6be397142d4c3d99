import type { Pattern } from '../matching/pattern.ts';
import type { UpstreamErrorKind } from '../upstream/upstream.ts';

/** The age of a cached tag. Times in Unix milliseconds. */
export interface TagAge {
  /** When the upstream last confirmed it. */
  readonly checkedAt: number;
  /** The upstream failed: not revalidated before this. */
  readonly retryAt?: number;
}

export interface FreshnessPolicy {
  /** Milliseconds. */
  readonly ttlMs: number;
  readonly revalidate: 'blocking' | 'background';
  readonly offline: boolean;
}

/**
 * - `fresh`: serve it
 * - `stale`: serve it as stale, without revalidation
 * - `stale-while-revalidate`: serve it, and revalidate in the background
 * - `revalidate`: revalidate it before it is served
 */
export type Freshness = 'fresh' | 'stale' | 'stale-while-revalidate' | 'revalidate';

/** How a cached tag may be served at `now`. Digests never become stale. */
export function tagFreshness(age: TagAge, policy: FreshnessPolicy, now: number): Freshness {
  // Nothing can confirm it, so the stored tag is the only one there is.
  if (policy.offline) return 'fresh';
  const passed = now - age.checkedAt;
  // A time in the future comes from a wrong clock: the entry counts as not checked.
  if (passed >= 0 && passed < policy.ttlMs) return 'fresh';
  if (age.retryAt !== undefined && now < age.retryAt) return 'stale';
  return policy.revalidate === 'background' ? 'stale-while-revalidate' : 'revalidate';
}

export interface TagRules {
  readonly ttlMs: number;
  readonly rules: readonly TagRule[];
  readonly revalidate: FreshnessPolicy['revalidate'];
}

interface TagRule {
  readonly match: Pattern;
  /** Milliseconds. */
  readonly ttlMs: number;
  /** Absent: as for all tags. */
  readonly revalidate?: FreshnessPolicy['revalidate'] | undefined;
}

/**
 * A digest as a tag. Alone: the referrers tag schema of the OCI distribution spec v1.1, which truncates the encoded part to 64
 * characters. With a suffix: cosign's `.sig`, `.att`, `.sbom`.
 */
const DIGEST_TAG = /^sha(?:256|512)-[0-9a-f]{64}(?:\.|$)/;

/** A rule that matches one of these is about tags in general, and not about digest tags. */
const ORDINARY_TAGS = ['latest', '1.27.3', 'v1.27.3-rc.1', 'main-3f1d5e8', '2024-01-31'];

/**
 * How long a tag stays fresh: the first rule that matches it decides, else `ttlMs`.
 *
 * A digest tag gets a new manifest with every signature, and a client that adds one writes back the list that it read: an outdated
 * list loses signatures. So digest tags are revalidated on every request, unless a rule matches them and no ordinary tag.
 */
export function tagPolicy(tag: string, { ttlMs, rules, revalidate }: TagRules): Omit<FreshnessPolicy, 'offline'> {
  const isDigest = DIGEST_TAG.test(tag);
  const rule = rules.find(({ match }) => match.test(tag) && !(isDigest && isGeneral(match)));
  if (isDigest && !rule) return { ttlMs: 0, revalidate: 'blocking' };
  return { ttlMs: rule?.ttlMs ?? ttlMs, revalidate: rule?.revalidate ?? revalidate };
}

function isGeneral(match: TagRule['match']): boolean {
  return ORDINARY_TAGS.some((tag) => match.test(tag));
}

export interface FailurePolicy {
  readonly onNotFound: 'error' | 'stale';
  readonly onDenied: 'error' | 'stale';
}

/** The consequence of a failed revalidation of a cached tag: the cached manifest is served, or the upstream's error. */
export function onRevalidationFailure(kind: UpstreamErrorKind, policy: FailurePolicy): 'stale' | 'error' {
  switch (kind) {
    case 'not-found':
      return policy.onNotFound;
    case 'unauthorized':
    case 'denied':
      return policy.onDenied;
    case 'network':
    case 'timeout':
    case 'unavailable':
    case 'throttled':
    case 'server':
    case 'protocol':
      return 'stale';
  }
}
