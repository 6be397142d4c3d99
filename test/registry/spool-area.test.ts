import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { SpoolArea, SpoolAreaFullError } from '../../src/registry/spool-area.ts';
import { BufferPool } from '../../src/stream/buffer-pool.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const [a, b, c] = ['a', 'b', 'c'].map((text) => digestOf(Buffer.from(text))) as [Digest, Digest, Digest];

async function setUp(options: { maxBytes?: number; keepMs?: number } = {}) {
  const temporary = await temporaryDirectory();
  const directory = join(temporary.path, 'fills');
  const sizes: number[] = [];
  const area = new SpoolArea({
    directory,
    maxBytes: options.maxBytes ?? 1_000,
    keepMs: options.keepMs ?? DAY_MS,
    buffers: new BufferPool(),
    onSize: (bytes) => sizes.push(bytes),
  });
  await area.start();
  return {
    area,
    sizes,
    files: async () => (await readdir(directory)).sort(),
    /** What an earlier fill left behind. */
    leave: async (digest: Digest, size: number, ageMs = 0) => {
      await writeFile(area.pathOf(digest), Buffer.alloc(size, 1));
      const then = (Date.now() - ageMs) / 1000;
      await utimes(area.pathOf(digest), then, then);
    },
    async [Symbol.asyncDispose]() {
      area.stop();
      await temporary[Symbol.asyncDispose]();
    },
  };
}

const nameOf = (digest: Digest) => digest.replace(':', '-');

describe('the area of unfinished fills', () => {
  it('gives a fill what the one before it left', async () => {
    await using scene = await setUp();
    const first = await scene.area.open(a);
    await first.append(Buffer.from('begun'));
    await first.release();
    await scene.area.release(a);
    const second = await scene.area.open(a);
    expect(second.written).toBe(5);
    await second.append(Buffer.from(', done'));
    await second.release();
    expect(await readFile(scene.area.pathOf(a), 'utf8')).toBe('begun, done');
  });

  it('removes what nobody continued, when it starts', async () => {
    await using scene = await setUp();
    await scene.leave(a, 10, 2 * DAY_MS);
    await scene.leave(b, 10);
    scene.area.stop();
    await scene.area.start();
    expect(await scene.files()).toEqual([nameOf(b)]);
  });

  it('makes room at the cost of what nobody works on, the oldest first', async () => {
    await using scene = await setUp({ maxBytes: 1_000 });
    await scene.leave(a, 400, 2_000);
    await scene.leave(b, 400, 1_000);
    const spool = await scene.area.open(c);
    await scene.area.reserve(c, 500);
    expect(await scene.files()).toEqual([nameOf(b), nameOf(c)].sort());
    expect(scene.sizes.at(-1)).toBe(900);
    await spool.release();
  });

  it('has no room beyond its limit, and none is taken from fills under way', async () => {
    await using scene = await setUp({ maxBytes: 1_000 });
    const spools = [await scene.area.open(a), await scene.area.open(b)];
    await scene.area.reserve(a, 800);
    await expect(scene.area.reserve(b, 300)).rejects.toThrow(SpoolAreaFullError);
    expect(await scene.files()).toEqual([nameOf(a), nameOf(b)].sort());
    await scene.area.release(a);
    await scene.area.discard(a);
    await scene.area.reserve(b, 300);
    for (const spool of spools) await spool.release();
  });

  it('removes what is discarded', async () => {
    await using scene = await setUp();
    await scene.leave(a, 10);
    await scene.area.discard(a);
    await scene.area.discard(b);
    expect(await scene.files()).toEqual([]);
  });
});
