import { describe, expect, it } from 'vitest';

import { retrying } from '../../src/retry/retry-loop.ts';

async function run(failures: number, delayMs: (failure: unknown, retry: number) => number | undefined) {
  const attempts: number[] = [];
  const waits: number[] = [];
  const sleep = async (ms: number) => void waits.push(ms);
  const result = await retrying({ delayMs, sleep }, async (retry) => {
    attempts.push(retry);
    if (retry < failures) throw new Error(`failure ${retry}`);
    return 'done';
  }).catch((err: Error) => err.message);
  return { attempts, waits, result };
}

describe('retrying', () => {
  it('repeats until an attempt succeeds, and waits in between', async () => {
    expect(await run(2, (_, retry) => 10 * (retry + 1))).toEqual({
      attempts: [0, 1, 2],
      waits: [10, 20],
      result: 'done',
    });
  });

  it('gives up with the last failure', async () => {
    expect(await run(5, (_, retry) => (retry < 1 ? 0 : undefined))).toEqual({
      attempts: [0, 1],
      waits: [0],
      result: 'failure 1',
    });
  });

  it('gives up with the error that the decision throws', async () => {
    const { result } = await run(1, () => {
      throw new Error('the first failure');
    });
    expect(result).toBe('the first failure');
  });

  it('ends the wait when the signal is aborted', async () => {
    const stop = new AbortController();
    const work = retrying({ delayMs: () => 60_000, signal: stop.signal }, async () => {
      stop.abort();
      throw new Error('a failure');
    });
    await expect(work).rejects.toMatchObject({ name: 'AbortError' });
  });
});
