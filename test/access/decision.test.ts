import { describe, expect, it } from 'vitest';

import { decide, heldOver, isLive, keptMs } from '../../src/access/decision.ts';

const policy = { allowMs: 300_000, publicMs: 86_400_000, lastMs: 604_800_000 };
const now = 1_000_000_000;
const of = (isAllowed: boolean, subject = 'account:acme', endsAt?: number) =>
  decide(isAllowed, { now, subject, policy, endsAt });

describe('a decision', () => {
  it('counts for the ttl, a public one for longer, a refusal for 30 seconds', () => {
    expect(of(true).until - now).toBe(300_000);
    expect(of(true, 'anonymous').until - now).toBe(86_400_000);
    expect([of(false).until - now, of(false, 'anonymous').until - now]).toEqual([30_000, 30_000]);
  });

  it('ends with its token', () => {
    expect(of(true, 'token:x', now + 60_000).until - now).toBe(60_000);
    expect(of(true, 'token:x', now + 600_000).until - now).toBe(300_000);
    expect(isLive(of(true, 'token:x', now - 1), now)).toBe(false);
  });

  it('does not count when the clock was set back', () => {
    expect(isLive(of(true), now + 299_999)).toBe(true);
    expect(isLive(of(true), now + 300_000)).toBe(false);
    expect(isLive(of(true), now - 3_600_000)).toBe(false);
  });

  it('is held over for ten seconds at a time, and never beyond its age', () => {
    const last = of(true);
    expect(heldOver(last, now + 400_000, policy)).toEqual({ ...last, until: now + 410_000 });
    expect(heldOver(last, now + policy.lastMs - 1_000, policy)?.until).toBe(now + policy.lastMs);
    expect(heldOver(last, now + policy.lastMs, policy)).toBeUndefined();
    expect(heldOver(last, now + 400_000, { ...policy, lastMs: 0 })).toBeUndefined();
    expect(heldOver(undefined, now, policy)).toBeUndefined();
  });

  it('is kept as long as it can be of use', () => {
    expect(keptMs(of(true), now, policy)).toBe(policy.lastMs);
    expect(keptMs(of(false), now, policy)).toBe(30_000);
  });
});
