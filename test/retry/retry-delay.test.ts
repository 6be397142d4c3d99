import { describe, expect, it } from 'vitest';

import { parseRetryAfterMs, type RetryPolicy, retryDelayMs } from '../../src/retry/retry-delay.ts';

const policy: RetryPolicy = { maxRetries: 2, baseDelayMs: 100, maxDelayMs: 2_000 };

describe('retryDelayMs', () => {
  it('waits a random time, up to twice as long after every retry', () => {
    expect(retryDelayMs(0, undefined, policy, { random: 0.5 })).toBe(50);
    expect(retryDelayMs(1, undefined, policy, { random: 0.5 })).toBe(100);
    expect(retryDelayMs(1, undefined, { ...policy, maxDelayMs: 70 }, { random: 0.5 })).toBe(70);
  });

  it('gives up after the last retry', () => {
    expect(retryDelayMs(2, undefined, policy)).toBeUndefined();
    expect(retryDelayMs(2, 0, policy)).toBeUndefined();
  });

  it('honours Retry-After exactly, or gives up', () => {
    expect(retryDelayMs(0, 2_000, policy)).toBe(2_000);
    expect(retryDelayMs(0, 2_001, policy)).toBeUndefined();
  });
});

describe('parseRetryAfterMs', () => {
  const now = Date.parse('2026-07-01T00:00:00Z');

  it('reads seconds and dates', () => {
    expect(parseRetryAfterMs('3', now)).toBe(3_000);
    expect(parseRetryAfterMs('Wed, 01 Jul 2026 00:01:00 GMT', now)).toBe(60_000);
  });

  it('takes a date that has passed for now', () => {
    expect(parseRetryAfterMs('Tue, 30 Jun 2026 00:00:00 GMT', now)).toBe(0);
  });

  it.each([undefined, '', 'soon', '-1x'])('ignores %j', (header) => {
    expect(parseRetryAfterMs(header, now)).toBeUndefined();
  });
});
