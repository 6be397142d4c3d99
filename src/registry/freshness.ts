import type { Pattern } from '../matching/pattern.ts';
import type { UpstreamErrorKind } from '../upstream/upstream.ts';

/** What is known of a cached tag. Times in Unix milliseconds. */
export interface TagAge {
  /** When the upstream last confirmed it. */
  readonly checkedAt: number;
  /** Not to be asked for before this, as the upstream just failed. */
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
 * - `stale`: serve it and say so; do not ask
 * - `stale-while-revalidate`: serve it, say so, and ask afterwards
 * - `revalidate`: ask first
 */
export type Freshness = 'fresh' | 'stale' | 'stale-while-revalidate' | 'revalidate';

/** How a cached tag may be served at `now`. A digest is never asked about here: it can not go stale. */
export function tagFreshness(age: TagAge, policy: FreshnessPolicy, now: number): Freshness {
  const passed = now - age.checkedAt;
  // A check that lies in the future is a clock that was wrong; such an entry is as good as unchecked.
  if (passed >= 0 && passed < policy.ttlMs) return 'fresh';
  if (policy.offline) return 'stale';
  if (age.retryAt !== undefined && now < age.retryAt) return 'stale';
  return policy.revalidate === 'background' ? 'stale-while-revalidate' : 'revalidate';
}

export interface TagTtlRules {
  readonly ttlMs: number;
  readonly rules: readonly { readonly match: Pattern; readonly ttlMs: number }[];
}

/** The first rule that matches the tag decides. Milliseconds. */
export function tagTtlMs(tag: string, { ttlMs, rules }: TagTtlRules): number {
  return rules.find(({ match }) => match.test(tag))?.ttlMs ?? ttlMs;
}

export interface FailurePolicy {
  readonly onNotFound: 'error' | 'stale';
  readonly onDenied: 'error' | 'stale';
}

/** What a failed revalidation means for a tag that we have: the cached manifest, or the upstream's answer as it is. */
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
