import { describe, expect, it } from 'vitest';

import { BandwidthLimit, FillPace } from '../../src/fills/bandwidth-limit.ts';
import { FakeClock } from '../support/fake-clock.ts';

const CHUNK = 64 * 1024;
const RATE = 1_000_000;
const never = new AbortController().signal;

describe('the bandwidth of fills that no client waits for', () => {
  it('is kept by several fills together, within 5 percent', async () => {
    const clock = new FakeClock();
    const limit = new BandwidthLimit(RATE, clock);
    const startedAt = clock.now();
    let taken = 0;
    const fill = async () => {
      for (let i = 0; i < 50; i++) {
        taken += CHUNK;
        await limit.take(CHUNK, never);
      }
    };
    await clock.advanceUntil(Promise.all([fill(), fill(), fill()]), 200);
    const seconds = (clock.now() - startedAt) / 1_000;
    expect(Math.abs(taken / seconds / RATE - 1)).toBeLessThan(0.05);
  });

  it('does not hold a fill that a client waits for', async () => {
    const clock = new FakeClock();
    const pace = new FillPace(new BandwidthLimit(RATE, clock));
    const waiting = pace.take(100 * RATE, never);
    pace.hurry();
    await expect(waiting).resolves.toBeUndefined();
    await expect(pace.take(100 * RATE, never)).resolves.toBeUndefined();
  });

  it('is the smaller one of two limits', async () => {
    const clock = new FakeClock();
    const pace = FillPace.of([undefined, new BandwidthLimit(RATE, clock), new BandwidthLimit(RATE / 4, clock)]);
    const startedAt = clock.now();
    const fill = async () => {
      for (let i = 0; i < 50; i++) await pace?.take(CHUNK, never);
    };
    await clock.advanceUntil(fill(), 200);
    const rate = (50 * CHUNK) / ((clock.now() - startedAt) / 1_000);
    expect(Math.abs(rate / (RATE / 4) - 1)).toBeLessThan(0.05);
    expect(FillPace.of([undefined, undefined])).toBeUndefined();
  });

  it('does not keep a fill from ending', async () => {
    const pace = new FillPace(new BandwidthLimit(RATE, new FakeClock()));
    const stopped = new AbortController();
    const waiting = pace.take(100 * RATE, stopped.signal);
    stopped.abort(new Error('shutting down'));
    await expect(waiting).rejects.toThrow('shutting down');
  });
});
