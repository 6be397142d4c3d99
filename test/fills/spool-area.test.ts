import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { SpoolArea, SpoolAreaFullError, type SpoolKey } from '../../src/fills/spool-area.ts';
import { BufferPool } from '../../src/stream/buffer-pool.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const keyOf = (text: string, source = 'hub.example'): SpoolKey => ({ digest: digestOf(Buffer.from(text)), source });
const [a, b, c] = [keyOf('a'), keyOf('b'), keyOf('c')];

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
    /** Without what tells sources apart. */
    files: async () => (await readdir(directory)).map((file) => file.replace(/\..*$/, '')).sort(),
    breakLocks: async () => {
      await rm(`${directory}.locks`, { recursive: true });
      await writeFile(`${directory}.locks`, '');
    },
    /** What an earlier fill left behind. */
    leave: async (key: SpoolKey, size: number, ageMs = 0) => {
      await writeFile(area.pathOf(key), Buffer.alloc(size, 1));
      const then = (Date.now() - ageMs) / 1000;
      await utimes(area.pathOf(key), then, then);
    },
    async [Symbol.asyncDispose]() {
      area.stop();
      await temporary[Symbol.asyncDispose]();
    },
  };
}

const nameOf = ({ digest }: SpoolKey) => digest.replace(':', '-');

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

  it('gives a fill nothing of what another source left', async () => {
    await using scene = await setUp();
    const first = await scene.area.open(keyOf('a', 'evil.example'));
    await first.append(Buffer.from('garbage'));
    await first.release();
    await scene.area.release(keyOf('a', 'evil.example'));
    const second = await scene.area.open(keyOf('a', 'hub.example'));
    expect(second.written).toBe(0);
    await second.release();
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

  it('keeps no more than a thousand that nobody works on, however small', async () => {
    await using scene = await setUp();
    for (let i = 0; i < 1_005; i++) await scene.leave(keyOf(`${i}`), 0, 2_000_000 - 1_000 * i);
    const spool = await scene.area.open(c);
    await scene.area.reserve(c, 1);
    expect((await scene.files()).length).toBe(1_001);
    expect(await scene.files()).not.toContain(nameOf(keyOf('4')));
    expect(await scene.files()).toContain(nameOf(keyOf('5')));
    await spool.release();
  });

  it('counts what fills leave behind', async () => {
    await using scene = await setUp({ maxBytes: 1_000 });
    const first = await scene.area.open(a);
    await scene.area.reserve(a, 600);
    await first.append(Buffer.alloc(600));
    await first.release();
    await scene.area.release(a);
    const second = await scene.area.open(b);
    await scene.area.reserve(b, 300);
    expect([await scene.files(), scene.sizes.at(-1)]).toEqual([[nameOf(a), nameOf(b)].sort(), 900]);
    await scene.area.reserve(b, 500);
    expect([await scene.files(), scene.sizes.at(-1)]).toEqual([[nameOf(b)], 500]);
    await second.release();
  });

  it('gives up what an ended fill had reserved, also where its lock cannot be removed', async () => {
    await using scene = await setUp({ maxBytes: 1_000 });
    const first = await scene.area.open(a);
    await scene.area.reserve(a, 800);
    await scene.breakLocks();
    await first.release();
    await scene.area.release(a);
    expect(() => scene.area.assertFits(b, 900)).not.toThrow();
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

  it('refuses at once what can never fit, and takes nothing for it', async () => {
    await using scene = await setUp({ maxBytes: 1_000 });
    await scene.leave(a, 400);
    expect(() => scene.area.assertFits(b, 1_001)).toThrow(SpoolAreaFullError);
    expect(await scene.files()).toEqual([nameOf(a)]);
  });

  it('removes what is discarded', async () => {
    await using scene = await setUp();
    await scene.leave(a, 10);
    await scene.area.discard(a);
    await scene.area.discard(b);
    expect(await scene.files()).toEqual([]);
  });
});
