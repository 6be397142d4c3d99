import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import type { StorageDriver } from '../storage/driver.ts';
import type { ByteRange, ByteSource } from '../stream/byte-source.ts';
import { assertBytes } from './assertions.ts';
import type { CaseContext, DriverCase } from './contract-case.ts';
import { forAllInputs, type SeededRandom } from './generated-inputs.ts';
import { readAll, readRange } from './read-source.ts';

/** More than the buffers of the drivers. */
const SIZE = 5 * 1024 * 1024 + 17;

/** Open files: any range, many readers, and their end. */
export const READING_CASES: readonly DriverCase[] = [
  {
    name: 'reads any range',
    async run({ driver, seed }) {
      const { bytes, source } = await openLarge(driver);
      await forAllInputs({ seed, count: 100, generate: anyRange }, async (range) => {
        assertBytes(await readRange(source, range), bytes.subarray(range.start, range.end), 'the range');
      });
      await source.close();
    },
  },
  {
    name: 'fails when the range is not within the file',
    async run({ driver }) {
      await driver.writeSmall('/f', Buffer.alloc(10));
      const source = await driver.open('/f');
      for (const range of [
        { start: 0, end: 11 },
        { start: -1, end: 5 },
        { start: 6, end: 5 },
        { start: 0.5, end: 5 },
        { start: Number.NaN, end: 5 },
      ]) {
        await assert.rejects(readRange(source, range), RangeError);
      }
      await source.close();
    },
  },
  {
    name: 'serves many readers of one file at once, some of which stop early',
    async run({ driver }) {
      const { bytes, source } = await openLarge(driver);
      const readers = Array.from({ length: 20 }, async (_, start) => {
        const range = { start, end: bytes.length };
        if (start % 4 === 0) assert.equal(await firstByte(source, range), bytes[start]);
        else assertBytes(await readRange(source, range), bytes.subarray(start), `reader ${start}`);
      });
      await Promise.all(readers);
      await source.close();
    },
  },
  {
    name: 'continues to read a file that was opened before a delete',
    run: (context) => readsAfter(context, (driver) => driver.delete('/d')),
  },
  {
    name: 'continues to read a file that was opened before a replace',
    run: (context) => readsAfter(context, (driver) => driver.writeSmall('/d/f', Buffer.from('new'))),
  },
  {
    name: 'fails a reader whose signal is aborted',
    async run({ driver }) {
      const { bytes, source } = await openLarge(driver);
      const aborted = readRange(source, { start: 0, end: bytes.length }, AbortSignal.abort());
      await assert.rejects(aborted, { message: /abort/i });
      await source.close();
    },
  },
  {
    name: 'can be closed twice, and rejects later reads',
    async run({ driver }) {
      const { source } = await openLarge(driver);
      await Promise.all([source.close(), source.close()]);
      await source.close();
      await assert.rejects(readRange(source, { start: 0, end: 1 }), { message: /closed/ });
    },
  },
];

async function openLarge(driver: StorageDriver) {
  const bytes = randomBytes(SIZE);
  await driver.writeSmall('/d/f', bytes);
  return { bytes, source: await driver.open('/d/f') };
}

async function readsAfter({ driver }: CaseContext, change: (driver: StorageDriver) => Promise<void>): Promise<void> {
  const { bytes, source } = await openLarge(driver);
  await change(driver);
  assertBytes(await readAll(source), bytes, 'the open file');
}

/** Stops reading after the first chunk. */
async function firstByte(source: ByteSource, range: ByteRange): Promise<number | undefined> {
  for await (const chunk of source.read(range)) return chunk[0];
  return undefined;
}

function anyRange(random: SeededRandom): ByteRange {
  const [a, b] = [position(random), position(random)];
  return { start: Math.min(a, b), end: Math.max(a, b) };
}

/** Often at the edges of the file and of buffers. */
function position(random: SeededRandom): number {
  const edge = random.pick([0, 16_384, 2_097_152, SIZE]);
  const close = Math.min(Math.max(edge + random.upTo(2) - 1, 0), SIZE);
  return random.pick([edge, close, random.upTo(100), random.upTo(SIZE), random.upTo(SIZE)]);
}
