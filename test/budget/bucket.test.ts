import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  afterPull,
  announced,
  available,
  type Bucket,
  elapsed,
  exhausted,
  merged,
  NEW_BUCKET,
  observed,
  settled,
  spent,
} from '../../src/budget/bucket.ts';
import { emptyAt, nextPullAt } from '../../src/budget/forecast.ts';

const HOUR_MS = 3_600_000;
const WINDOW_MS = 6 * HOUR_MS;
const LIMIT = { limit: 100, windowMs: WINDOW_MS };
const NOTHING = { stated: undefined, retryAfterMs: undefined };
const spendAt = (at: number) => ({ at, class: 'client', repository: 'library/app' }) as const;

/** A pull that was answered with what is left. */
function pulled(bucket: Bucket, at: number, remaining?: number): Bucket {
  const { bucket: open, id, ticket } = spent(elapsed(bucket, at), spendAt(at));
  const stated = remaining === undefined ? undefined : { ...LIMIT, remaining };
  return afterPull(open, { status: 200, stated, retryAfterMs: undefined }, { id, ticket, now: at });
}

describe('a bucket', () => {
  it('has no limit before a registry states one, and none after a success without', () => {
    expect(available(NEW_BUCKET, 0)).toBeUndefined();
    expect(available(pulled(NEW_BUCKET, 0), 0)).toBeUndefined();
  });

  it('counts down from a claimed limit when no header follows', () => {
    const bucket = announced(NEW_BUCKET, LIMIT);
    expect(available(pulled(pulled(bucket, 0), 1), 1)).toBe(98);
  });

  it('takes the header when it contradicts the claim', () => {
    const bucket = announced(NEW_BUCKET, { limit: 200, windowMs: WINDOW_MS });
    const after = pulled(bucket, 0, 99);
    expect([after.limit, available(after, 0)]).toEqual([100, 99]);
  });

  it('does not count an image without headers where others have them', () => {
    expect(available(pulled(pulled(NEW_BUCKET, 0, 50), 1), 1)).toBe(50);
  });

  it('rolls: each own spend is available again when it leaves the window', () => {
    let bucket = announced(NEW_BUCKET, { limit: 3, windowMs: WINDOW_MS });
    for (const at of [0, HOUR_MS, 2 * HOUR_MS]) bucket = pulled(bucket, at);
    expect(available(bucket, 2 * HOUR_MS)).toBe(0);
    expect(nextPullAt(bucket, 2 * HOUR_MS)).toBe(WINDOW_MS);
    expect(available(bucket, WINDOW_MS - 1)).toBe(0);
    expect(available(bucket, WINDOW_MS)).toBe(1);
    expect(available(bucket, WINDOW_MS + HOUR_MS)).toBe(2);
  });

  it('forgets what others spent once a window has passed', () => {
    const bucket = pulled(NEW_BUCKET, 0, 10);
    expect(available(bucket, WINDOW_MS - 1)).toBe(10);
    expect(available(bucket, WINDOW_MS)).toBe(100);
  });

  it('is empty after a 429 until the forecast, and then tries once', () => {
    const refused = exhausted(pulled(NEW_BUCKET, 0, 50), 10, undefined);
    expect(available(refused, 10)).toBe(0);
    const until = nextPullAt(refused, 10) ?? 0;
    expect(until).toBe(60_010);
    expect(available(refused, until)).toBe(1);
    expect(available(spent(refused, spendAt(until)).bucket, until)).toBe(0);
    expect(nextPullAt(exhausted(NEW_BUCKET, 0, 7_000), 0)).toBe(7_000);
  });

  it('gives a pull back that was not counted', () => {
    const { bucket, id, ticket } = spent(announced(NEW_BUCKET, LIMIT), spendAt(0));
    expect(available(bucket, 0)).toBe(99);
    expect(available(settled(bucket, id, false), 0)).toBe(100);
    expect(available(afterPull(bucket, { status: 404, ...NOTHING }, { id, ticket, now: 0 }), 0)).toBe(100);
  });

  it('of two members with one source has the spends of both', () => {
    const both = merged(pulled(NEW_BUCKET, 0, 90), pulled(NEW_BUCKET, 1, 80));
    expect([both.spends.length, available(both, 1)]).toEqual([2, 80]);
  });

  it('whatever the order of responses, estimates what the registry has', () => {
    const order = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 });
    fc.assert(
      fc.property(order, order, (counted, answered) => {
        let bucket = observed(NEW_BUCKET, { ...LIMIT, remaining: 60 }, { open: 0, count: 0 }, 0);
        const made = counted.map(() => {
          const one = spent(bucket, spendAt(0));
          bucket = one.bucket;
          return one;
        });
        for (const index of answered) {
          const { id, ticket } = made[index] as (typeof made)[number];
          const stated = { ...LIMIT, remaining: 60 - 1 - counted.indexOf(index) };
          bucket = afterPull(bucket, { status: 200, stated, retryAfterMs: undefined }, { id, ticket, now: 0 });
          expect(available(bucket, 0)).toBe(52);
        }
      }),
    );
  });
});

describe('the forecast', () => {
  it('is when the pace of half an hour empties the bucket', () => {
    let bucket = announced(NEW_BUCKET, LIMIT);
    for (let minute = 0; minute < 30; minute++) bucket = pulled(bucket, minute * 60_000);
    const now = 29 * 60_000;
    expect(emptyAt(bucket, now)).toBe(now + 70 * 60_000);
  });

  it('is absent while spends leave the window as fast as others come', () => {
    let bucket = announced(NEW_BUCKET, LIMIT);
    for (let at = 0; at < 2 * WINDOW_MS; at += 6 * 60_000) bucket = pulled(bucket, at);
    expect(emptyAt(bucket, 2 * WINDOW_MS - 6 * 60_000)).toBeUndefined();
  });
});
