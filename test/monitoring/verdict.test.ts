import { describe, expect, it } from 'vitest';

import { verdictOf, type VerdictFacts } from '../../src/monitoring/verdict.ts';

const hub = { name: 'docker.io', breaker: 'closed' } as const;
const quay = { name: 'quay.io', breaker: 'closed' } as const;
const failing = { ...hub, breaker: 'open', since: '2026-01-31T14:02:59.000Z' } as const;

const facts: VerdictFacts = {
  failure: undefined,
  isOffline: false,
  upstreams: [hub, quay],
  trouble: undefined,
  requests: 5,
  ratio: 0.939,
};

describe('the verdict', () => {
  it.each<[string, Partial<VerdictFacts>, string, string]>([
    ['working', {}, 'working', "Working: 93 % of the last hour's pulls were cached."],
    ['a registry alone', { upstreams: [], ratio: undefined }, 'working', 'Working, as a registry without upstreams.'],
    ['unused', { requests: 0 }, 'idle', 'Working; no client sent a request within the last hour.'],
    ['not ready', { failure: 'redis: down' }, 'failing', 'Not ready: redis: down.'],
    [
      'one upstream away',
      { upstreams: [failing, quay] },
      'degraded',
      'docker.io does not respond since 2026-01-31 14:02 UTC; cached content is served.',
    ],
    [
      'all upstreams away',
      { upstreams: [failing, { ...quay, offlineUntil: '2026-01-31T15:00:00.000Z' }] },
      'offline',
      'docker.io does not respond since 2026-01-31 14:02 UTC; quay.io is offline until 2026-01-31 15:00 UTC; cached content is served.',
    ],
    [
      'offline by configuration',
      { isOffline: true },
      'offline',
      'proxy.offline is set: only cached content is served, without upstreams.',
    ],
    ['a problem', { trouble: 'The disk is full.' }, 'degraded', 'The disk is full.'],
    ['not ready wins', { failure: 'x', upstreams: [failing] }, 'failing', 'Not ready: x.'],
  ])('%s', (_, changes, verdict, text) => {
    expect(verdictOf({ ...facts, ...changes })).toEqual({ verdict, text });
  });
});
