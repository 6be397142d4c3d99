import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BufferPool } from '../../src/stream/buffer-pool.ts';
import { Spool } from '../../src/stream/spool.ts';
import { seededContent } from '../support/content.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const KIB = 1024;
const SIZE = 700 * KIB;
const content = Buffer.concat([...seededContent('spool memory', SIZE).read()]);

/** So many readers that the window of a spool has four blocks of 16 KiB. */
function busyPool() {
  const pool = new BufferPool({ budgetBytes: 2 * KIB * KIB });
  const others = Array.from({ length: 60 }, () => pool.lease());
  return { pool, others };
}

/** Receives the bytes up to `end` as soon as there is memory for them, without waiting for the disk. */
async function receiveTo(spool: Spool, from: number, end: number): Promise<void> {
  for (let position = from; position < end; ) {
    const memory = await spool.memory();
    const part = content.subarray(position, Math.min(end, position + memory.length));
    memory.set(part);
    spool.received(part.length);
    position += part.length;
  }
}

interface ReaderPlan {
  readonly start: number;
  /** Turns of the event loop for which it uses each chunk. */
  readonly holds: number;
  /** It stops with its n-th chunk, and keeps it until all others have ended. */
  readonly stopsAt: number | undefined;
  readonly leavesAfter: number | undefined;
}

interface Reading {
  readonly bytes: Buffer;
  readonly error: unknown;
  readonly hasChanged: boolean;
}

async function read(spool: Spool, plan: ReaderPlan, released: Promise<void>): Promise<Reading> {
  const chunks: Buffer[] = [];
  let [error, hasChanged, received]: [unknown, boolean, number] = [undefined, false, 0];
  spool.retain();
  try {
    for await (const chunk of spool.read({ start: plan.start, end: SIZE })) {
      const before = Buffer.from(chunk);
      for (let held = 0; held < plan.holds; held++) await turn();
      if (chunks.length === plan.stopsAt) await released;
      hasChanged ||= !before.equals(chunk);
      chunks.push(before);
      received += chunk.length;
      if (plan.leavesAfter !== undefined && received >= plan.leavesAfter) break;
    }
  } catch (err) {
    error = err;
  }
  await spool.release();
  return { bytes: Buffer.concat(chunks), error, hasChanged };
}

const reader: fc.Arbitrary<ReaderPlan> = fc.record({
  start: fc.oneof(fc.constant(0), fc.nat(SIZE - 1)),
  holds: fc.nat(4),
  stopsAt: fc.option(fc.nat(10), { nil: undefined, freq: 2 }),
  leavesAfter: fc.option(fc.integer({ min: 1, max: SIZE }), { nil: undefined, freq: 4 }),
});
const readers = fc.array(reader, { maxLength: 8 });
const step = fc.record({ bytes: fc.integer({ min: 1, max: 120 * KIB }), turns: fc.nat(3), flush: fc.boolean() });
const steps = fc.array(step, { maxLength: 12 });

describe('a spool whose writer does not wait for the disk', () => {
  it('has all bytes on disk and for each reader, whatever the others keep, and returns its memory', async () => {
    await fc.assert(
      fc.asyncProperty(steps, readers, async (all, plans) => {
        await using directory = await temporaryDirectory();
        const { pool, others } = busyPool();
        const path = join(directory.path, 'spool');
        const spool = await Spool.open(path, pool);
        spool.expect(SIZE);
        let release: () => void = () => {};
        const released = new Promise<void>((resolve) => (release = resolve));
        const readings = plans.map((plan) => ({ plan, done: read(spool, plan, released) }));
        let received = 0;
        for (const { bytes, turns, flush } of all) {
          const end = Math.min(received + bytes, SIZE);
          await receiveTo(spool, received, end);
          received = end;
          for (let passed = 0; passed < turns; passed++) await turn();
          if (flush) await spool.flush();
        }
        await receiveTo(spool, received, SIZE);
        await spool.flush();
        expect((await readFile(path)).equals(content)).toBe(true);
        spool.seal();
        await spool.release();
        await Promise.all(readings.filter(({ plan }) => plan.stopsAt === undefined).map(({ done }) => done));
        release();
        for (const { plan, done } of readings) {
          const { bytes, error, hasChanged } = await done;
          const { start, leavesAfter } = plan;
          expect({ error, hasChanged }).toEqual({ error: undefined, hasChanged: false });
          expect(bytes.equals(content.subarray(start, start + bytes.length))).toBe(true);
          expect(bytes.length).toBeGreaterThanOrEqual(Math.min(leavesAfter ?? Infinity, SIZE - start));
        }
        for (const other of others) other.end();
        expect(pool.stats).toMatchObject({ readers: 0, used: 0 });
      }),
      { numRuns: 60 },
    );
  });

  it('gives no reader the last byte when it fails, and returns its memory', async () => {
    await fc.assert(
      fc.asyncProperty(readers, fc.integer({ min: 0, max: SIZE }), async (plans, end) => {
        await using directory = await temporaryDirectory();
        const { pool, others } = busyPool();
        const spool = await Spool.open(join(directory.path, 'spool'), pool);
        spool.expect(SIZE);
        const failure = new Error('the bytes are wrong');
        const readings = plans.map((plan) => read(spool, plan, Promise.resolve()));
        await receiveTo(spool, 0, end);
        await spool.flush();
        spool.fail(failure);
        await spool.release();
        for (const [i, { bytes, error, hasChanged }] of (await Promise.all(readings)).entries()) {
          const { start, leavesAfter } = plans[i] as ReaderPlan;
          expect(bytes.equals(content.subarray(start, start + bytes.length))).toBe(true);
          expect(start + bytes.length).toBeLessThan(SIZE);
          expect(hasChanged).toBe(false);
          if (leavesAfter === undefined) expect(error).toBe(failure);
        }
        for (const other of others) other.end();
        expect(pool.stats).toMatchObject({ readers: 0, used: 0 });
      }),
      { numRuns: 40 },
    );
  });
});
