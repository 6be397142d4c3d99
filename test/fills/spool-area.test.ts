import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { SpoolArea, SpoolAreaFullError, type SpoolKey } from '../../src/fills/spool-area.ts';
import { BufferPool } from '../../src/stream/buffer-pool.ts';
import { appendTo } from '../stream/append-to.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const keyOf = (text: string, source = 'hub.example'): SpoolKey => ({ digest: digestOf(Buffer.from(text)), source });
const [a, b, c] = [keyOf('a'), keyOf('b'), keyOf('c')];

async function setUp(options: { maxBytes?: number; keepMs?: number; clock?: FakeClock } = {}) {
  const temporary = await temporaryDirectory();
  const directory = join(temporary.path, 'fills');
  const sizes: number[] = [];
  const area = new SpoolArea({
    directory,
    maxBytes: options.maxBytes ?? 1_000,
    keepMs: options.keepMs ?? DAY_MS,
    buffers: new BufferPool(),
    onSize: (bytes) => sizes.push(bytes),
    ...(options.clock && { clock: options.clock }),
  });
  await area.start();
  return {
    area,
    sizes,
    /** Without the suffix for the source. */
    files: async () => (await readdir(directory)).map((file) => file.replace(/\..*$/, '')).sort(),
    breakLocks: async () => {
      await rm(`${directory}.locks`, { recursive: true });
      await writeFile(`${directory}.locks`, '');
    },
    /** A spool that an earlier fill left. */
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
  it('says what to change when locks have no place next to the directory', async () => {
    await using parent = await temporaryDirectory();
    await writeFile(join(parent.path, 'fills.locks'), '');
    const directory = join(parent.path, 'fills');
    const area = new SpoolArea({ directory, maxBytes: 1_000, keepMs: DAY_MS, buffers: new BufferPool() });
    await expect(area.start()).rejects.toThrow(
      /^proxy\.fills\.directory: .*fills\.locks cannot be created \(EEXIST.*fills\/fills$/,
    );
  });

  it('resumes the spool of an earlier fill', async () => {
    await using scene = await setUp();
    const first = await scene.area.open(a);
    await appendTo(first, Buffer.from('begun'));
    await first.release();
    await scene.area.release(a);
    const second = await scene.area.open(a);
    expect(second.written).toBe(5);
    await appendTo(second, Buffer.from(', done'));
    await second.release();
    expect(await readFile(scene.area.pathOf(a), 'utf8')).toBe('begun, done');
  });

  it('does not resume the spool of another source', async () => {
    await using scene = await setUp();
    const first = await scene.area.open(keyOf('a', 'evil.example'));
    await appendTo(first, Buffer.from('garbage'));
    await first.release();
    await scene.area.release(keyOf('a', 'evil.example'));
    const second = await scene.area.open(keyOf('a', 'hub.example'));
    expect(second.written).toBe(0);
    await second.release();
  });

  it('removes old spools at startup', async () => {
    await using scene = await setUp();
    await scene.leave(a, 10, 2 * DAY_MS);
    await scene.leave(b, 10);
    scene.area.stop();
    await scene.area.start();
    expect(await scene.files()).toEqual([nameOf(b)]);
  });

  it('removes spools that become old, and keeps those of running fills', async () => {
    const clock = new FakeClock();
    await using scene = await setUp({ clock });
    await scene.leave(a, 10);
    const running = await scene.area.open(b);
    await clock.advance(DAY_MS - 60_000);
    expect(await scene.files()).toEqual([nameOf(a), nameOf(b)].sort());
    const filesLater = async () => {
      await clock.advance(10 * 60_000);
      return scene.files();
    };
    await expect.poll(filesLater).toEqual([nameOf(b)]);
    await running.release();
  });

  it('frees space by removing unused spools, the oldest first', async () => {
    await using scene = await setUp({ maxBytes: 1_000 });
    await scene.leave(a, 400, 2_000);
    await scene.leave(b, 400, 1_000);
    const spool = await scene.area.open(c);
    await scene.area.reserve(c, 500);
    expect(await scene.files()).toEqual([nameOf(b), nameOf(c)].sort());
    expect(scene.sizes.at(-1)).toBe(900);
    await spool.release();
  });

  it('keeps at most a thousand unused spools of any size', async () => {
    await using scene = await setUp();
    for (let i = 0; i < 1_005; i++) await scene.leave(keyOf(`${i}`), 0, 2_000_000 - 1_000 * i);
    const spool = await scene.area.open(c);
    await scene.area.reserve(c, 1);
    expect((await scene.files()).length).toBe(1_001);
    expect(await scene.files()).not.toContain(nameOf(keyOf('4')));
    expect(await scene.files()).toContain(nameOf(keyOf('5')));
    await spool.release();
  });

  it('counts the spools that fills leave', async () => {
    await using scene = await setUp({ maxBytes: 1_000 });
    const first = await scene.area.open(a);
    await scene.area.reserve(a, 600);
    await appendTo(first, Buffer.alloc(600));
    await first.release();
    await scene.area.release(a);
    const second = await scene.area.open(b);
    await scene.area.reserve(b, 300);
    expect([await scene.files(), scene.sizes.at(-1)]).toEqual([[nameOf(a), nameOf(b)].sort(), 900]);
    await scene.area.reserve(b, 500);
    expect([await scene.files(), scene.sizes.at(-1)]).toEqual([[nameOf(b)], 500]);
    await second.release();
  });

  it('releases the reservation of an ended fill, also when its lock cannot be removed', async () => {
    await using scene = await setUp({ maxBytes: 1_000 });
    const first = await scene.area.open(a);
    await scene.area.reserve(a, 800);
    await scene.breakLocks();
    await first.release();
    await scene.area.release(a);
    expect(() => scene.area.assertFits(b, 900)).not.toThrow();
  });

  it('has no space beyond its limit, and takes none from running fills', async () => {
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

  it('refuses a blob that can never fit immediately, and removes nothing for it', async () => {
    await using scene = await setUp({ maxBytes: 1_000 });
    await scene.leave(a, 400);
    expect(() => scene.area.assertFits(b, 1_001)).toThrow(SpoolAreaFullError);
    expect(await scene.files()).toEqual([nameOf(a)]);
  });

  it('removes a discarded spool', async () => {
    await using scene = await setUp();
    await scene.leave(a, 10);
    await scene.area.discard(a);
    await scene.area.discard(b);
    expect(await scene.files()).toEqual([]);
  });
});
