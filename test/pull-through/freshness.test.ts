import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  type Freshness,
  type FreshnessPolicy,
  onRevalidationFailure,
  type TagAge,
  tagFreshness,
  tagPolicy,
} from '../../src/pull-through/freshness.ts';
import type { UpstreamErrorKind } from '../../src/upstream/upstream.ts';

const NOW = 1_000_000;
const TTL = 1_000;
const blocking: FreshnessPolicy = { ttlMs: TTL, revalidate: 'blocking', offline: false };
const background: FreshnessPolicy = { ...blocking, revalidate: 'background' };
const offline: FreshnessPolicy = { ...blocking, offline: true };

describe('a cached tag', () => {
  it.each<[string, TagAge, FreshnessPolicy, Freshness]>([
    ['just checked', { checkedAt: NOW }, blocking, 'fresh'],
    ['at the end of its TTL', { checkedAt: NOW - TTL + 1 }, blocking, 'fresh'],
    ['past its TTL', { checkedAt: NOW - TTL }, blocking, 'revalidate'],
    ['past its TTL', { checkedAt: NOW - TTL }, background, 'stale-while-revalidate'],
    ['past its TTL', { checkedAt: NOW - TTL }, offline, 'fresh'],
    ['within its TTL', { checkedAt: NOW - 1 }, offline, 'fresh'],
    ['whose upstream failed a moment ago', { checkedAt: 0, retryAt: NOW + 1 }, blocking, 'stale'],
    ['whose upstream failed a moment ago', { checkedAt: 0, retryAt: NOW + 1 }, background, 'stale'],
    ['whose upstream failed long ago', { checkedAt: 0, retryAt: NOW }, blocking, 'revalidate'],
    ['checked in the future', { checkedAt: NOW + 1 }, blocking, 'revalidate'],
    ['that is never fresh', { checkedAt: NOW }, { ...blocking, ttlMs: 0 }, 'revalidate'],
  ])('%s (%j, %j) is %s', (_, age, policy, freshness) => {
    expect(tagFreshness(age, policy, NOW)).toBe(freshness);
  });

  it('is fresh for ever when offline', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.option(fc.integer(), { nil: undefined }),
        fc.integer(),
        (checkedAt, retryAt, now) => {
          const age = { checkedAt, ...(retryAt !== undefined && { retryAt }) };
          expect(tagFreshness(age, offline, now)).toBe('fresh');
        },
      ),
    );
  });
});

it.each([
  ['1.27.3', 7_000],
  ['v1.2', 60],
  ['latest', 5],
])('the TTL of %s is that of the first rule that matches, %i', (tag, ttlMs) => {
  const rules = [
    { match: /^v?\d+\.\d+\.\d+/, ttlMs: 7_000 },
    { match: /^v?\d+/, ttlMs: 60 },
    { match: /^v/, ttlMs: 1 },
  ];
  expect(tagPolicy(tag, { ttlMs: 5, rules, revalidate: 'background' })).toEqual({ ttlMs, revalidate: 'background' });
});

describe('a digest tag', () => {
  const sha256 = `sha256-${'0a'.repeat(32)}`;
  const digestTags = [sha256, `${sha256}.sig`, `${sha256}.att`, `${sha256}.sbom`, `sha512-${'0a'.repeat(32)}`];
  const policy = { ttlMs: TTL, rules: [], revalidate: 'background' } as const;
  const atOnce = { ttlMs: 0, revalidate: 'blocking' };

  it.each(digestTags)('%s is revalidated before it is served', (tag) => {
    expect(tagPolicy(tag, policy)).toEqual(atOnce);
  });

  it.each(['sha256-0a', `${sha256}0`, `x${sha256}`, `${sha256}-sig`, sha256.toUpperCase(), 'sha256', `md5-${sha256}`])(
    '%s is not a digest tag, and has the TTL of any other',
    (tag) => {
      expect(tagPolicy(tag, policy)).toEqual({ ttlMs: TTL, revalidate: 'background' });
    },
  );

  it.each([/./, /^[a-z0-9]/, /\d/, /-/, /\./, /^(?!latest)/])('does not follow the general rule %s', (match) => {
    expect(tagPolicy(`${sha256}.sig`, { ...policy, rules: [{ match, ttlMs: 7 }] })).toEqual(atOnce);
  });

  it.each([/^sha256-/, /^sha\d+-[0-9a-f]+\.sig$/, /\.sig$/, /\.(sig|att|sbom)$/])(
    'follows the specific rule %s',
    (match) => {
      const rules = [
        { match: /./, ttlMs: 9 },
        { match, ttlMs: 7 },
      ];
      expect(tagPolicy(`${sha256}.sig`, { ...policy, rules })).toEqual({ ttlMs: 7, revalidate: 'background' });
    },
  );
});

describe('a failed revalidation', () => {
  const kinds: readonly UpstreamErrorKind[] = ['network', 'timeout', 'unavailable', 'throttled', 'server', 'protocol'];

  it.each(kinds)('with %s serves the cached tag', (kind) => {
    expect(onRevalidationFailure(kind, { onNotFound: 'error', onDenied: 'error' })).toBe('stale');
  });

  it.each(['error', 'stale'] as const)('with a refusal has the configured effect: %s', (wanted) => {
    const opposite = wanted === 'error' ? 'stale' : 'error';
    expect(onRevalidationFailure('not-found', { onNotFound: wanted, onDenied: opposite })).toBe(wanted);
    for (const kind of ['denied', 'unauthorized'] as const) {
      expect(onRevalidationFailure(kind, { onNotFound: opposite, onDenied: wanted })).toBe(wanted);
    }
  });
});

it('a rule has its own revalidation', () => {
  const rules = [{ match: /^\d/, ttlMs: 7, revalidate: 'background' as const }];
  expect(tagPolicy('1.27.3', { ttlMs: 5, rules, revalidate: 'blocking' })).toEqual({
    ttlMs: 7,
    revalidate: 'background',
  });
  expect(tagPolicy('latest', { ttlMs: 5, rules, revalidate: 'blocking' })).toEqual({
    ttlMs: 5,
    revalidate: 'blocking',
  });
});
