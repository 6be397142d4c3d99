import { describe, expect, it } from 'vitest';

import { SingleFlight } from '../../src/pull-through/single-flight.ts';

describe('work that several callers request at once', () => {
  it('runs once, and every caller gets its result', async () => {
    const flight = new SingleFlight<object>();
    let finish: (value: object) => void = () => {};
    const promise = new Promise<object>((resolve) => (finish = resolve));
    let runs = 0;
    const work = () => {
      runs++;
      return promise;
    };
    const all = [flight.run('a', work), flight.run('a', work), flight.run('a', work)];
    expect(all.map(({ joined }) => joined)).toEqual([false, true, true]);
    const value = {};
    finish(value);
    for (const { result } of all) expect(await result).toBe(value);
    expect(runs).toBe(1);
  });

  it('fails for every caller, and starts again for a later one', async () => {
    const flight = new SingleFlight<string>();
    const failing = [1, 2].map(() => flight.run('a', () => Promise.reject(new Error('broken'))).result);
    for (const result of failing) await expect(result).rejects.toThrow('broken');
    const again = flight.run('a', async () => 'good');
    expect([again.joined, await again.result]).toEqual([false, 'good']);
  });

  it('is not cached when it has ended', async () => {
    const flight = new SingleFlight<number>();
    let count = 0;
    expect(await flight.run('a', async () => ++count).result).toBe(1);
    expect(await flight.run('a', async () => ++count).result).toBe(2);
  });

  it('runs separately for each key', async () => {
    const flight = new SingleFlight<string>();
    const [a, b] = ['a', 'b'].map((key) => flight.run(key, async () => key));
    expect([a?.joined, b?.joined, await a?.result, await b?.result]).toEqual([false, false, 'a', 'b']);
  });
});
