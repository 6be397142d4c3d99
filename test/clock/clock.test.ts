import { describe, expect, it } from 'vitest';

import { type Clock, SYSTEM_CLOCK } from '../../src/clock/clock.ts';
import { FakeClock } from '../support/fake-clock.ts';

const CLOCKS: readonly { readonly name: string; readonly create: () => { clock: Clock; pass: () => Promise<void> } }[] =
  [
    { name: 'the clock of the system', create: () => ({ clock: SYSTEM_CLOCK, pass: async () => {} }) },
    {
      name: 'the clock of tests',
      create: () => {
        const clock = new FakeClock();
        return { clock, pass: () => clock.advance(10) };
      },
    },
  ];

describe.each(CLOCKS)('$name', ({ create }) => {
  it('calls back once after the delay', async () => {
    const { clock, pass } = create();
    const startedAt = clock.now();
    const calledAt = await new Promise<number>((resolve) => {
      clock.setTimer(() => resolve(clock.now()), 10);
      void pass();
    });
    expect(calledAt - startedAt).toBeGreaterThanOrEqual(9); // timers of Node.js may be early by a part of a millisecond
  });

  it('does not call back for a cancelled timer', async () => {
    const { clock, pass } = create();
    const called: string[] = [];
    clock.setTimer(() => called.push('cancelled'), 5).cancel();
    const slept = clock.sleep(10);
    await pass();
    await slept;
    expect(called).toEqual([]);
  });

  it('ends a sleep with the reason of the signal', async () => {
    const { clock } = create();
    const stop = new AbortController();
    const reason = new Error('stopped');
    const slept = clock.sleep(60_000, { signal: stop.signal });
    stop.abort(reason);
    await expect(slept).rejects.toBe(reason);
    await expect(clock.sleep(60_000, { signal: stop.signal })).rejects.toBe(reason);
  });
});

describe('the clock of tests', () => {
  it('calls timers in the order of their times, also those set meanwhile', async () => {
    const clock = new FakeClock();
    const startedAt = clock.now();
    const calls: string[] = [];
    const note = (name: string) => void calls.push(`${name} ${clock.now() - startedAt}`);
    clock.setTimer(() => note('third'), 30);
    clock.setTimer(() => {
      note('first');
      void clock.sleep(10).then(() => note('second'));
    }, 10);
    clock.setTimer(() => note('too late'), 101);
    await clock.advance(100);
    expect(calls).toEqual(['first 10', 'second 20', 'third 30']);
    expect(clock.now() - startedAt).toBe(100);
  });

  it('passes until work has ended that waits again and again', async () => {
    const clock = new FakeClock();
    const startedAt = clock.now();
    const waits = async () => {
      for (let wait = 0; wait < 3; wait++) await clock.sleep(60_000);
      return clock.now() - startedAt;
    };
    expect(await clock.advanceUntil(waits())).toBe(180_000);
    const failing = clock.sleep(1).then(() => Promise.reject(new Error('failed')));
    await expect(clock.advanceUntil(failing)).rejects.toThrow('failed');
  });
});
