import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { DigestLocks } from '../../src/content/digest-locks.ts';

/** Work that ends when `end` is called. */
function job() {
  let end = () => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  const state = { hasBegun: false };
  const work = async () => {
    state.hasBegun = true;
    await ended;
  };
  return { work, end, state };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the locks of digests', () => {
  it('are held by one at a time, in the order of the requests', async () => {
    const locks = new DigestLocks<string>();
    const order: number[] = [];
    await Promise.all(
      [1, 2, 3].map((i) => locks.run('a', async () => void order.push(i, await turn().then(() => -i)))),
    );
    expect(order).toEqual([1, -1, 2, -2, 3, -3]);
  });

  it('can be shared, until an exclusive holder waits', async () => {
    const locks = new DigestLocks<string>();
    const [first, second, alone, last] = [job(), job(), job(), job()];
    const all = [
      locks.runSharing({ exclusive: ['x'], shared: ['a', 'b'] }, first.work),
      locks.runSharing({ exclusive: ['y'], shared: ['a'] }, second.work),
      locks.run('a', alone.work),
      locks.runSharing({ exclusive: ['z'], shared: ['a'] }, last.work),
    ];
    await turn();
    expect([first, second, alone, last].map(({ state }) => state.hasBegun)).toEqual([true, true, false, false]);
    first.end();
    await turn();
    expect(alone.state.hasBegun).toBe(false);
    second.end();
    await turn();
    expect([alone, last].map(({ state }) => state.hasBegun)).toEqual([true, false]);
    alone.end();
    last.end();
    await Promise.all(all);
    expect(last.state.hasBegun).toBe(true);
  });

  it('are released when the work fails', async () => {
    const locks = new DigestLocks<string>();
    await expect(
      locks.runSharing({ exclusive: ['a', 'b'], shared: [] }, () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no');
    expect(await locks.runSharing({ exclusive: ['b', 'a'], shared: [] }, async () => 'yes')).toBe('yes');
  });

  it('never have two exclusive holders, nor an exclusive and a sharing one, in any order of requests', async () => {
    const keys = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 4 });
    const request = fc.record({ exclusive: keys, shared: keys, turns: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 20 }), async (requests) => {
        const locks = new DigestLocks<string>();
        const held = new Map<string, { exclusive: number; shared: number }>();
        const note = (key: string, kind: 'exclusive' | 'shared', by: number) => {
          const now = held.get(key) ?? { exclusive: 0, shared: 0 };
          now[kind] += by;
          held.set(key, now);
          expect(now.exclusive === 0 || (now.exclusive === 1 && now.shared === 0)).toBe(true);
        };
        const run = async ({ exclusive, shared, turns }: { exclusive: string[]; shared: string[]; turns: number }) => {
          const others = shared.filter((key) => !exclusive.includes(key));
          await locks.runSharing({ exclusive, shared }, async () => {
            for (const key of exclusive) note(key, 'exclusive', 1);
            for (const key of others) note(key, 'shared', 1);
            for (let i = 0; i < turns; i++) await turn();
            for (const key of exclusive) note(key, 'exclusive', -1);
            for (const key of others) note(key, 'shared', -1);
          });
        };
        await Promise.all(requests.map(run));
        expect([...held.values()].every(({ exclusive, shared }) => exclusive === 0 && shared === 0)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});
