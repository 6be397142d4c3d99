import { describe, expect, it } from 'vitest';

import { FillSlots } from '../../src/fills/fill-slots.ts';

const never = new AbortController().signal;

/** Acquires a slot, and reports whether it is granted by now. */
function acquiring(slots: FillSlots, upstream: string, signal: AbortSignal = never) {
  let isGranted = false;
  const slot = slots.acquire(upstream, signal).then((release) => {
    isGranted = true;
    return release;
  });
  slot.catch(() => {});
  return { slot, isGranted: () => isGranted };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('slots for fills', () => {
  it('are limited in all, and granted in order', async () => {
    const slots = new FillSlots({ total: 1, perUpstream: 1, maxWaitMs: 60_000 });
    const first = acquiring(slots, 'a');
    const others = [acquiring(slots, 'b'), acquiring(slots, 'c')];
    await turn();
    expect([first, ...others].map(({ isGranted }) => isGranted())).toEqual([true, false, false]);
    (await first.slot)();
    await turn();
    expect(others.map(({ isGranted }) => isGranted())).toEqual([true, false]);
  });

  it('are limited per upstream, and a fill that waits for one blocks no other upstream', async () => {
    const slots = new FillSlots({ total: 3, perUpstream: 2, maxWaitMs: 60_000 });
    const slow = ['slow', 'slow', 'slow'].map((upstream) => acquiring(slots, upstream));
    const other = acquiring(slots, 'other');
    await turn();
    expect(slow.map(({ isGranted }) => isGranted())).toEqual([true, true, false]);
    expect(other.isGranted()).toBe(true);
    (await other.slot)();
    await turn();
    expect(slow[2]?.isGranted()).toBe(false);
    (await (slow[0] as (typeof slow)[0]).slot)();
    await turn();
    expect(slow[2]?.isGranted()).toBe(true);
  });

  it('are wanted from fills whose slot a waiting fill could use', async () => {
    const slots = new FillSlots({ total: 3, perUpstream: 2, maxWaitMs: 60_000 });
    for (const upstream of ['slow', 'slow', 'slow']) acquiring(slots, upstream);
    expect([slots.isWanted('slow'), slots.isWanted('other')]).toEqual([true, false]);
    acquiring(slots, 'other');
    expect(slots.isWanted('other')).toBe(false);
    acquiring(slots, 'third');
    expect([slots.isWanted('slow'), slots.isWanted('other')]).toEqual([true, true]);
  });

  it('are not granted to a fill that no longer waits', async () => {
    const slots = new FillSlots({ total: 1, perUpstream: 1, maxWaitMs: 60_000 });
    const first = acquiring(slots, 'a');
    const gone = new AbortController();
    const left = acquiring(slots, 'a', gone.signal);
    const last = acquiring(slots, 'a');
    gone.abort(new Error('left'));
    await expect(left.slot).rejects.toThrow('left');
    (await first.slot)();
    await turn();
    expect([left.isGranted(), last.isGranted(), slots.isQueued]).toEqual([false, true, false]);
  });

  it('are exceeded by a fill that has waited too long, by one', async () => {
    const slots = new FillSlots({ total: 1, perUpstream: 1, maxWaitMs: 20 });
    const first = acquiring(slots, 'a');
    const second = acquiring(slots, 'a');
    (await second.slot)();
    expect(slots.isQueued).toBe(false);
    const third = acquiring(slots, 'a');
    await turn();
    expect(third.isGranted()).toBe(false);
    (await first.slot)();
    await turn();
    expect(third.isGranted()).toBe(true);
  });
});
