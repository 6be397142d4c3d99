import { describe, expect, it } from 'vitest';

import { forEach } from '../../src/content/for-each.ts';

describe('work for each of many items', () => {
  it('runs for so many at a time, and takes items when it can start', async () => {
    let [taken, running, most] = [0, 0, 0];
    const items = function* () {
      for (; taken < 100; ) yield taken++;
    };
    const done: number[] = [];
    const work = async (item: number) => {
      most = Math.max(most, ++running);
      expect(taken - done.length).toBeLessThanOrEqual(4);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      done.push(item);
    };
    await forEach(items(), work, { concurrency: 4 });
    expect(most).toBe(4);
    expect(done.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it('takes no more items after one has failed', async () => {
    const done: number[] = [];
    const work = async (item: number) => {
      if (item === 3) throw new Error('three');
      await new Promise((resolve) => setImmediate(resolve));
      done.push(item);
    };
    await expect(forEach([1, 2, 3, 4, 5, 6], work, { concurrency: 2 })).rejects.toThrow('three');
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toEqual([1, 2]);
  });
});
