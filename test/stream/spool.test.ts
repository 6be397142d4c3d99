import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BufferPool } from '../../src/stream/buffer-pool.ts';
import { Spool } from '../../src/stream/spool.ts';
import { seededContent } from '../support/content.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { appendTo } from './append-to.ts';

const SIZE = 100_000;
const content = Buffer.concat([...seededContent('spool', SIZE).read()]);

type Step =
  | { readonly do: 'append'; readonly bytes: number }
  | { readonly do: 'read'; readonly start: number; readonly length: number }
  /** The reader that was started as the n-th leaves. */
  | { readonly do: 'abort'; readonly reader: number }
  | { readonly do: 'wait' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('append' as const), bytes: fc.integer({ min: 1, max: 40_000 }) }),
  fc.record({
    do: fc.constant('read' as const),
    start: fc.integer({ min: 0, max: SIZE - 1 }),
    length: fc.integer({ min: 1, max: SIZE }),
  }),
  fc.record({ do: fc.constant('read' as const), start: fc.constant(0), length: fc.constant(SIZE) }),
  fc.record({ do: fc.constant('abort' as const), reader: fc.nat(5) }),
  fc.constant({ do: 'wait' as const }),
);

interface Reading {
  readonly start: number;
  readonly end: number;
  readonly bytes: Buffer;
  readonly error: unknown;
  readonly isAborted: boolean;
}

class Reader {
  readonly done: Promise<Reading>;
  readonly #left = new AbortController();

  constructor(spool: Spool, start: number, end: number) {
    this.done = this.#read(spool, start, end);
  }

  leave(): void {
    this.#left.abort(new Error('left'));
  }

  async #read(spool: Spool, start: number, end: number): Promise<Reading> {
    const { signal } = this.#left;
    const chunks: Buffer[] = [];
    let error: unknown;
    spool.retain();
    try {
      for await (const chunk of spool.read({ start, end }, { signal })) {
        chunks.push(Buffer.from(chunk)); // valid only until the next one
        await turn();
      }
    } catch (err) {
      error = err;
    } finally {
      await spool.release();
    }
    return { start, end, bytes: Buffer.concat(chunks), error, isAborted: signal.aborted };
  }
}

/** Runs the steps, appends the rest, ends the spool, and returns what each reader got. */
async function run(steps: readonly Step[], path: string, end: (spool: Spool) => void): Promise<Reading[]> {
  const spool = await Spool.open(path, new BufferPool());
  spool.expect(SIZE);
  const readers: Reader[] = [];
  const append = (bytes: number) => appendTo(spool, content.subarray(spool.written, spool.written + bytes));
  for (const next of steps) {
    if (next.do === 'append') await append(next.bytes);
    else if (next.do === 'read') readers.push(new Reader(spool, next.start, Math.min(next.start + next.length, SIZE)));
    else if (next.do === 'abort') readers[next.reader]?.leave();
    else await turn();
  }
  await append(SIZE);
  end(spool);
  await spool.release();
  return Promise.all(readers.map(({ done }) => done));
}

async function withSpool(body: (path: string) => Promise<void>): Promise<void> {
  await using directory = await temporaryDirectory();
  await body(join(directory.path, 'spool'));
}

const schedules = fc.array(step, { maxLength: 25 });

describe('a spool, in whatever order it is written, read and left', () => {
  it('gives each reader that stays exactly its bytes once it is sealed', async () => {
    await fc.assert(
      fc.asyncProperty(schedules, (steps) =>
        withSpool(async (path) => {
          for (const { start, end, bytes, error, isAborted } of await run(steps, path, (spool) => spool.seal())) {
            expect(bytes.equals(content.subarray(start, start + bytes.length))).toBe(true);
            if (isAborted && error !== undefined) continue;
            expect({ error, end: start + bytes.length }).toEqual({ error: undefined, end });
          }
          expect((await stat(path)).size).toBe(SIZE);
        }),
      ),
      { numRuns: 60 },
    );
  });

  it('gives no reader the last byte when it fails, and each that wanted it the error', async () => {
    const failure = new Error('the bytes are wrong');
    await fc.assert(
      fc.asyncProperty(schedules, (steps) =>
        withSpool(async (path) => {
          for (const { start, end, bytes, error, isAborted } of await run(steps, path, (spool) =>
            spool.fail(failure),
          )) {
            expect(bytes.equals(content.subarray(start, start + bytes.length))).toBe(true);
            expect(start + bytes.length).toBeLessThan(SIZE);
            if (!isAborted && end === SIZE) expect(error).toBe(failure);
            if (error === undefined) expect(start + bytes.length).toBe(end);
          }
        }),
      ),
      { numRuns: 60 },
    );
  });
});

describe('a spool', () => {
  it('continues what an earlier writer left', () =>
    withSpool(async (path) => {
      const first = await Spool.open(path, new BufferPool());
      await appendTo(first, content.subarray(0, 70_000));
      await first.release();
      const second = await Spool.open(path, new BufferPool());
      expect(second.written).toBe(70_000);
      const reader = new Reader(second, 0, SIZE);
      second.expect(SIZE);
      await appendTo(second, content.subarray(70_000));
      second.seal();
      await second.release();
      expect((await reader.done).bytes.equals(content)).toBe(true);
    }));

  it('starts from nothing after a reset', () =>
    withSpool(async (path) => {
      const spool = await Spool.open(path, new BufferPool());
      await appendTo(spool, Buffer.from('something else'));
      await spool.reset();
      await appendTo(spool, content);
      spool.seal();
      const reader = new Reader(spool, 0, SIZE);
      expect((await reader.done).bytes.equals(content)).toBe(true);
      await spool.release();
    }));
});
