import { describe, expect, it } from 'vitest';

import { Breaker, type Permit } from '../../src/upstream/breaker.ts';

function setUp() {
  let now = 1_000_000;
  const changes: string[] = [];
  const breaker = new Breaker({
    policy: { threshold: 3, openMs: 5_000, maxOpenMs: 60_000 },
    now: () => now,
    onChange: (from, to, reason) => changes.push(`${from} → ${to}: ${reason}`),
  });
  const enter = (): Permit => {
    const permit = breaker.enter();
    if (!permit.allowed) throw new Error(`refused for ${permit.retryAfterMs} ms`);
    return permit;
  };
  const fail = (times: number) => {
    for (let i = 0; i < times; i++) enter().fail('network');
  };
  return { breaker, changes, enter, fail, pass: (ms: number) => void (now += ms) };
}

describe('Breaker', () => {
  it('opens after three failures in a row and refuses from then on', () => {
    const { breaker, changes, fail, pass } = setUp();
    fail(3);
    expect(changes).toEqual(['closed → open: network']);
    expect(breaker.enter()).toEqual({ allowed: false, retryAfterMs: 5_000 });
    pass(4_999);
    expect(breaker.enter()).toEqual({ allowed: false, retryAfterMs: 1 });
    expect(breaker.status()).toEqual({ breaker: 'open', retryAfterMs: 1 });
  });

  it('starts counting again after a success', () => {
    const { breaker, enter, fail } = setUp();
    fail(2);
    enter().succeed();
    fail(2);
    expect(breaker.status()).toEqual({ breaker: 'closed' });
  });

  it('does not count permits that ended without a result', () => {
    const { breaker, enter, fail } = setUp();
    fail(2);
    enter().release();
    expect(breaker.status()).toEqual({ breaker: 'closed' });
    fail(1);
    expect(breaker.status().breaker).toBe('open');
  });

  it('counts a permit once', () => {
    const { breaker, enter } = setUp();
    const permit = enter();
    for (let i = 0; i < 3; i++) permit.fail('network');
    expect(breaker.status()).toEqual({ breaker: 'closed' });
  });

  it('lets one probe through and closes when it succeeds', () => {
    const { breaker, changes, enter, fail, pass } = setUp();
    fail(3);
    pass(5_000);
    expect(breaker.status()).toEqual({ breaker: 'half-open' });
    const probe = enter();
    expect(breaker.enter().allowed).toBe(false);
    probe.succeed();
    expect(breaker.isPristine).toBe(true);
    expect(changes.slice(1)).toEqual(['open → half-open: probe', 'half-open → closed: succeeded']);
  });

  it('stays open twice as long after each probe that fails, up to a minute', () => {
    const { breaker, enter, fail, pass } = setUp();
    fail(3);
    for (const openMs of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
      expect(breaker.status()).toEqual({ breaker: 'open', retryAfterMs: openMs });
      pass(openMs);
      enter().fail('timeout');
    }
  });

  it('lets the next caller probe when a probe is abandoned', () => {
    const { enter, fail, pass, breaker } = setUp();
    fail(3);
    pass(5_000);
    enter().release();
    enter().fail('network');
    expect(breaker.status()).toEqual({ breaker: 'open', retryAfterMs: 10_000 });
  });

  it('does not let the response to an older request decide a probe', () => {
    const { breaker, enter, fail, pass } = setUp();
    const slow = enter();
    fail(3);
    slow.succeed();
    expect(breaker.status().breaker).toBe('open');
    pass(5_000);
    enter();
    slow.fail('network');
    expect(breaker.status().breaker).toBe('half-open');
  });
});
