import { describe, expect, it } from 'vitest';

import { LocalBuckets } from '../../src/budget/buckets.ts';
import { Governor, type GovernorOptions, type Pull } from '../../src/budget/governor.ts';
import { RequestRate } from '../../src/budget/request-rate.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { ignoredBudgetEvents, POLICY, pullOf } from './governing.ts';

const HOUR_MS = 3_600_000;

function start({ policy, members = [{ name: 'ci' }], ...options }: Partial<GovernorOptions> = {}) {
  const clock = new FakeClock();
  const governor = new Governor({
    upstream: 'docker.io',
    members,
    policy: { ...POLICY, assume: { limit: 10, windowMs: HOUR_MS }, ...policy },
    buckets: new LocalBuckets(),
    clock,
    events: ignoredBudgetEvents(),
    ...options,
  });
  return { clock, governor };
}

async function spend(governor: Governor, count: number): Promise<void> {
  for (let i = 0; i < count; i++) expect((await governor.admit(pullOf(`client-${i}`))).isAdmitted).toBe(true);
}

describe('work that no client waits for', () => {
  it.each(['sync', 'warm'] as const)(
    'of class %s stops at the reserve, and resumes when spends leave the window',
    async (by) => {
      const { governor, clock } = start();
      await spend(governor, 8);
      const waiting = governor.admit(pullOf(undefined, { class: by }));
      await clock.advance(HOUR_MS - 1);
      expect(governor.bucketOf('ci').spends).toHaveLength(8);
      await clock.advanceUntil(waiting, 60_000);
      expect((await waiting).isAdmitted).toBe(true);
    },
  );

  it('ends its wait with its signal', async () => {
    const { governor } = start();
    await spend(governor, 10);
    const stop = new AbortController();
    const waiting = governor.admit(pullOf(undefined, { class: 'warm', signal: stop.signal }));
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
  });

  it('waits while an operator holds it, and clients do not', async () => {
    const { governor, clock } = start();
    governor.hold(true);
    const waiting = governor.admit(pullOf(undefined, { class: 'warm' }));
    await clock.advance(60_000);
    expect(governor.bucketOf('ci').spends).toHaveLength(0);
    await spend(governor, 1);
    governor.hold(false);
    expect((await clock.advanceUntil(waiting)).isAdmitted).toBe(true);
  });
});

describe('a client', () => {
  it('waits for a pull that comes in time, and not for a later one', async () => {
    const { governor, clock } = start({
      policy: { ...POLICY, assume: { limit: 1, windowMs: 10_000 }, waitMs: 15_000 },
    });
    await spend(governor, 1);
    const waiting = governor.admit(pullOf('b'));
    expect((await clock.advanceUntil(waiting)).isAdmitted).toBe(true);
    const { governor: slow } = start({
      policy: { ...POLICY, assume: { limit: 1, windowMs: HOUR_MS }, waitMs: 15_000 },
    });
    await spend(slow, 1);
    expect(await slow.admit(pullOf('b'))).toMatchObject({ isAdmitted: false, reason: 'exhausted' });
  });
});

it('two members with one source share a bucket', async () => {
  const { governor, clock } = start({ members: [{ name: 'a' }, { name: 'b' }] });
  const stated = { limit: 10, windowMs: HOUR_MS, remaining: 4 };
  const response = { status: 200, stated, source: 'user-1', retryAfterMs: undefined };
  for (const member of ['a', 'b']) await governor.observe(member, response, governor.ticket(member));
  expect(new Set(governor.buckets().map(({ key }) => key)).size).toBe(1);
  await spend(governor, 4);
  expect(await governor.admit(pullOf('x'))).toMatchObject({ isAdmitted: false });
  await clock.advance(HOUR_MS);
  expect((await governor.admit(pullOf('x'))).isAdmitted).toBe(true);
});

it('an upstream that names another bucket each time keeps none of them', async () => {
  const buckets = new LocalBuckets();
  const { governor } = start({ buckets });
  for (let i = 0; i < 50; i++) {
    const pull = (await governor.admit(pullOf('x', { repository: `r${i}` }))) as Pull;
    if (!pull.isAdmitted) break;
    await pull.responded({ status: 200, stated: undefined, source: `bucket-${i}`, retryAfterMs: undefined });
  }
  expect(governor.buckets()).toHaveLength(1);
  expect(buckets.peek('source:bucket-3').count).toBe(0);
});

describe('a rate of requests', () => {
  it('lets a second of requests through at once, and then spreads them', async () => {
    const clock = new FakeClock();
    const rate = new RequestRate({ perSecond: 5, clock });
    let sent = 0;
    const { signal } = new AbortController();
    const all = Array.from({ length: 12 }, () => rate.take('h', signal).then(() => sent++));
    await clock.advance(0);
    expect(sent).toBe(5);
    await clock.advance(1_000);
    expect(sent).toBe(10);
    await clock.advanceUntil(Promise.all(all));
    expect(await rate.take('other', signal)).toBeUndefined();
  });

  it('refuses a request that would wait too long', async () => {
    const rate = new RequestRate({ perSecond: 1, clock: new FakeClock() });
    const { signal } = new AbortController();
    for (let i = 0; i < 11; i++) void rate.take('h', signal);
    expect(await rate.take('h', signal)).toBeGreaterThan(10_000);
  });
});
