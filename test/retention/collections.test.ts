import { describe, expect, it } from 'vitest';

import type { CollectionResult } from '../../src/content/garbage/collection-result.ts';
import { Collections } from '../../src/retention/collections.ts';
import { FakeClock } from '../support/fake-clock.ts';

const HOUR_MS = 3_600_000;
const NOTHING: CollectionResult = { manifests: [], links: [], blobs: [], bytes: 0, skipped: [], kept: 0 };

/** Collections every hour that remove nothing, and take half an hour each. */
function hourlyCollections() {
  const clock = new FakeClock();
  const startedAt = clock.now();
  const hours: number[] = [];
  const collect = async () => {
    hours.push((clock.now() - startedAt) / HOUR_MS);
    await clock.sleep(HOUR_MS / 2);
    return NOTHING;
  };
  const collections = new Collections({
    store: { garbage: { createCollector: () => ({ collect, clearLeftovers: async () => {} }) } },
    policy: { intervalMs: HOUR_MS, graceMs: 0, deleteUntagged: false, keepReferrers: true },
    index: {} as never,
    recorder: {} as never,
    isAlone: false,
    isHosted: () => true,
    isFilling: () => false,
    onForgotten: () => {},
    events: {
      collectionFinished: () => {},
      housekeepingFailed: ({ error }) => {
        throw error;
      },
    },
    clock,
  });
  return { collections, clock, hours };
}

describe('scheduled collections', () => {
  it('start an interval after the end of the one before', async () => {
    const { collections, clock, hours } = hourlyCollections();
    await collections.becomeOwner();
    collections.schedule();
    await clock.advance(5 * HOUR_MS);
    expect(hours).toEqual([1, 2.5, 4]);
    await collections.stop();
    await clock.advance(5 * HOUR_MS);
    expect(hours).toHaveLength(3);
  });

  it('do not start any more once another process is to make them', async () => {
    const { collections, clock, hours } = hourlyCollections();
    await collections.becomeOwner();
    collections.schedule();
    await clock.advance(1.25 * HOUR_MS);
    collections.unschedule(); // while one is running
    await clock.advance(5 * HOUR_MS);
    expect(hours).toEqual([1]);
    expect(collections.status).toMatchObject({ running: false, result: NOTHING });
    await collections.stop();
  });
});
