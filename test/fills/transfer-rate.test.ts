import { describe, expect, it } from 'vitest';

import { TransferRate } from '../../src/fills/transfer-rate.ts';

/** Samples each second, from 0. @param bytes received by then */
function rateOf(bytes: readonly number[]): TransferRate {
  const rate = new TransferRate();
  for (const [i, total] of bytes.entries()) rate.sample(total, i * 1_000);
  return rate;
}

describe('the rate of a transfer', () => {
  it('is not judged before the samples span the window', () => {
    expect(rateOf([0, 0, 0]).isBelow(1_000, 3_000)).toBe(false);
    expect(rateOf([0, 0, 0, 0]).isBelow(1_000, 3_000)).toBe(true);
    expect(new TransferRate().isBelow(1_000, 3_000)).toBe(false);
  });

  it('counts the last window only', () => {
    const thenStalled = rateOf([0, 1e6, 2e6, 2e6, 2e6, 2e6]);
    expect(thenStalled.isBelow(1_000, 3_000)).toBe(true);
    expect(thenStalled.isBelow(1_000, 5_000)).toBe(false);
    const thenFast = rateOf([0, 0, 0, 0, 1e6, 2e6]);
    expect(thenFast.isBelow(1_000, 3_000)).toBe(false);
  });

  it('is measured over the last half minute of a longer transfer', () => {
    const rate = rateOf(Array.from({ length: 100 }, (_, i) => (i < 60 ? i * 1e6 : 60e6)));
    expect(rate.isMeasured(30_000)).toBe(true);
    expect(rate.isBelow(1, 30_000)).toBe(true);
    expect(rate.average).toBe(0);
  });

  it('starts again with another connection', () => {
    const rate = rateOf([0, 0, 0, 0]);
    rate.restart();
    rate.sample(0, 4_000);
    expect(rate.isBelow(1_000, 3_000)).toBe(false);
    rate.sample(2_000, 5_000);
    expect(rate.average).toBe(2_000);
  });
});
