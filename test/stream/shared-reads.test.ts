import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { BufferPool } from '../../src/stream/buffer-pool.ts';
import { SharedReads } from '../../src/stream/shared-reads.ts';
import { seededContent } from '../support/content.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const SIZE = 1_500_000;
const content = Buffer.concat([...seededContent('shared reads', SIZE).read()]);

async function withReads(body: (reads: SharedReads, pool: BufferPool) => Promise<void>): Promise<void> {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'file');
  await writeFile(path, content);
  const file = await open(path);
  const pool = new BufferPool();
  try {
    await body(new SharedReads(file, pool), pool);
  } finally {
    await file.close();
  }
}

describe('shared reads of a file', () => {
  it('read what several readers need at the same time once, each from its position to its end', () =>
    withReads(async (reads, pool) => {
      const first = await reads.view(100, SIZE);
      const used = pool.stats.used;
      const [second, third] = await Promise.all([reads.view(50_100, SIZE), reads.view(70_000, 80_000)]);
      expect(pool.stats.used).toBe(used);
      expect(content.indexOf(first.bytes)).toBe(100);
      expect(content.subarray(50_100, 100 + first.bytes.length).equals(second.bytes)).toBe(true);
      expect(content.subarray(70_000, 80_000).equals(third.bytes)).toBe(true);
      for (const view of [first, second, third]) view.release();
      expect(pool.stats).toMatchObject({ readers: 0, used: 0 });
    }));

  it('keep the bytes until the last reader has released them', () =>
    withReads(async (reads, pool) => {
      const [first, second] = await Promise.all([reads.view(0, SIZE), reads.view(0, SIZE)]);
      first.release();
      const other = await reads.view(SIZE - 1000, SIZE);
      expect(content.subarray(0, second.bytes.length).equals(second.bytes)).toBe(true);
      second.release();
      other.release();
      expect(pool.stats).toMatchObject({ readers: 0, used: 0 });
    }));

  it('fail for a file that is shorter, and keep no memory', () =>
    withReads(async (reads, pool) => {
      const views = [reads.view(SIZE - 10, SIZE + 1), reads.view(SIZE - 5, SIZE + 1)];
      await Promise.all(views.map((view) => expect(view).rejects.toThrow(/the file ends at 1500000 bytes/)));
      expect(pool.stats).toMatchObject({ readers: 0, used: 0 });
      const again = await reads.view(SIZE - 10, SIZE);
      expect(again.bytes).toHaveLength(10);
      again.release();
    }));
});
