import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { FileTooLargeError } from '../storage/driver.ts';
import { assertBytes, unlessMissing } from './assertions.ts';
import type { DriverCase } from './contract-case.ts';
import { readAll } from './read-source.ts';

/** File systems keep time in ticks of up to 10 ms, object stores in seconds. */
const TIME_TOLERANCE_MS = 1500;

/** Small files: written as a whole, and read as a whole. */
export const WRITING_CASES: readonly DriverCase[] = [
  ...[0, 1, 4096, 1024 * 1024 + 1].map(storesFile),
  {
    name: 'copies the bytes, so that later changes of the buffer have no effect',
    async run({ driver }) {
      const bytes = Buffer.from('before');
      await driver.writeSmall('/f', bytes);
      bytes.fill('x');
      (await driver.readSmall('/f', 100)).fill('y');
      assert.equal(String(await driver.readSmall('/f', 100)), 'before');
    },
  },
  {
    name: 'replaces a longer file with a shorter one',
    async run({ driver }) {
      await driver.writeSmall('/f', Buffer.alloc(5000, 'long'));
      await driver.writeSmall('/f', Buffer.from('short'));
      assert.equal(String(await driver.readSmall('/f', 9999)), 'short');
    },
  },
  {
    name: 'stores the complete file of one of many concurrent writers',
    async run({ driver }) {
      const versions = Array.from({ length: 20 }, (_, i) => Buffer.alloc(70_000 + i, i));
      const readers = versions.map(async () => {
        const seen = await driver.readSmall('/deep/er/f', 100_000).catch(unlessMissing);
        if (seen) assertIsOneOf(versions, seen);
      });
      await Promise.all([...versions.map((bytes) => driver.writeSmall('/deep/er/f', bytes)), ...readers]);
      assertIsOneOf(versions, await driver.readSmall('/deep/er/f', 100_000));
      assert.deepEqual(await driver.list('/deep/er'), ['f']);
    },
  },
  {
    name: 'returns the time of the last write',
    async run({ driver }) {
      const before = Date.now();
      await driver.writeSmall('/f', Buffer.from('x'));
      const modified = (await driver.stat('/f')).modifiedAt.getTime();
      assert.ok(modified > before - TIME_TOLERANCE_MS, `modifiedAt is ${before - modified} ms before the write`);
      assert.ok(modified < Date.now() + TIME_TOLERANCE_MS, `modifiedAt is ${modified - Date.now()} ms in the future`);
    },
  },
  {
    name: 'rejects reading a file that exceeds the limit',
    async run({ driver }) {
      await driver.writeSmall('/f', Buffer.alloc(11));
      await assert.rejects(driver.readSmall('/f', 10), FileTooLargeError);
    },
  },
];

function storesFile(size: number): DriverCase {
  return {
    name: `stores a file of ${size} bytes`,
    async run({ driver }) {
      const bytes = randomBytes(size);
      await driver.writeSmall('/f', bytes);
      assertBytes(await driver.readSmall('/f', size), bytes, 'readSmall');
      assertBytes(await readAll(await driver.open('/f')), bytes, 'open');
      const info = await driver.stat('/f');
      assert.deepEqual([info.isDirectory, info.size], [false, size]);
    },
  };
}

function assertIsOneOf(versions: readonly Buffer[], seen: Buffer): void {
  const isComplete = versions.some((bytes) => bytes.equals(seen));
  assert.ok(isComplete, `the file has ${seen.length} bytes, which are not those of one writer`);
}
