import { chmod, mkdir, readdir, readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';

import { EventQueue, type EventQueueOptions } from '../../src/notifications/queue/event-queue.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const LIMITS = { maxEvents: 1000, maxBytes: 2 ** 30 };

async function openQueue(directory: string | undefined, options: Partial<EventQueueOptions['limits']> = {}) {
  const told = { pending: 0, dropped: 0, evicted: [] as string[], failed: [] as (string | undefined)[] };
  const queue = await EventQueue.open({
    directory,
    limits: { ...LIMITS, ...options },
    now: Date.now,
    events: {
      pending: (change) => (told.pending += change),
      pullDropped: () => told.dropped++,
      evicted: async (events) => void told.evicted.push(...events),
      storageFailed: ({ reason }) => told.failed.push(reason),
    },
  });
  return { queue, told };
}

const text = (name: string | number) => JSON.stringify({ name });

/** Removes the first `count` events, in order. */
async function take(queue: EventQueue, count: number): Promise<(string | undefined)[]> {
  const taken: (string | undefined)[] = [];
  while (taken.length < count) {
    const entry = await queue.next(AbortSignal.timeout(5_000));
    taken.push(await queue.read(entry));
    queue.remove(entry);
  }
  return taken;
}

async function diskUsage(directory: string): Promise<number> {
  const names = await readdir(directory);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

const push = { isPull: false };
const pull = { isPull: true };

describe('a queue of events', () => {
  it('returns them in order, those of an earlier process first', async () => {
    await using directory = await temporaryDirectory();
    const { queue } = await openQueue(directory.path);
    await Promise.all([1, 2, 3].map((name) => queue.append(text(name), push)));
    expect(await take(queue, 1)).toEqual([text(1)]);
    await queue.close();

    const { queue: next, told } = await openQueue(directory.path);
    await next.append(text(4), push);
    expect(told.pending).toBe(3);
    expect(await take(next, 3)).toEqual([text(2), text(3), text(4)]);
    expect(told.pending).toBe(0);
    await next.close();
  });

  it('has appended events on disk before it is closed', async () => {
    await using directory = await temporaryDirectory();
    const { queue } = await openQueue(directory.path);
    await Promise.all(Array.from({ length: 50 }, (_, name) => queue.append(text(name), push)));

    const { queue: other } = await openQueue(directory.path);
    expect(await take(other, 50)).toEqual(Array.from({ length: 50 }, (_, name) => text(name)));
    await Promise.all([queue.close(), other.close()]);
  });

  it('continues with all complete events after its file was cut anywhere, and accepts new ones', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 6 }), fc.nat(), async (count, where) => {
        await using directory = await temporaryDirectory();
        const { queue } = await openQueue(directory.path);
        for (let name = 0; name < count; name++) await queue.append(text(name), push);
        await queue.close();
        const [file = ''] = (await readdir(directory.path)).filter((name) => name.endsWith('.log'));
        const path = join(directory.path, file);
        const bytes = await readFile(path);
        const cut = where % (bytes.length + 1);
        await truncate(path, cut);
        const whole = bytes.subarray(0, cut).toString().split('\n').length - 1;

        const { queue: next, told } = await openQueue(directory.path);
        await next.append(text('new'), push);
        expect(told.pending).toBe(whole + 1);
        const names: (number | string)[] = [...Array.from({ length: whole }, (_, name) => name), 'new'];
        expect(await take(next, whole + 1)).toEqual(names.map(text));
        await next.close();
        const { told: after, queue: last } = await openQueue(directory.path);
        expect(after.pending).toBe(0);
        await last.close();
      }),
      { numRuns: 40 },
    );
  });

  it('drops the oldest pulls when it is full, then evicts the oldest events', async () => {
    await using directory = await temporaryDirectory();
    const { queue, told } = await openQueue(directory.path, { maxEvents: 3 });
    await queue.append(text('push 1'), push);
    await queue.append(text('pull 1'), pull);
    await queue.append(text('pull 2'), pull);
    await queue.append(text('push 2'), push);
    await vi.waitFor(() => expect(told.dropped).toBe(1), 20_000);
    await queue.append(text('push 3'), push);
    await queue.append(text('push 4'), push);
    await vi.waitFor(() => expect(told).toMatchObject({ dropped: 2, evicted: [text('push 1')] }), 20_000);
    expect(await take(queue, 3)).toEqual(['push 2', 'push 3', 'push 4'].map(text));
    await queue.close();
  });

  it('is bounded by bytes as well', async () => {
    await using directory = await temporaryDirectory();
    const { queue, told } = await openQueue(directory.path, { maxBytes: 1000 });
    for (let name = 0; name < 20; name++) await queue.append(JSON.stringify('x'.repeat(160)), push);
    await queue.close();
    expect(queue.size).toBeLessThan(7);
    expect(told.evicted).toHaveLength(20 - queue.size);
  });

  it('keeps its files small while pulls overtake a waiting event, and loses no waiting event', async () => {
    await using directory = await temporaryDirectory();
    const { queue } = await openQueue(directory.path, { maxEvents: 100 });
    const filler = 'x'.repeat(10_000);
    for (let round = 0; round < 20; round++) {
      await queue.append(text(`push ${round}`), push);
      for (let i = 0; i < 100; i++) await queue.append(JSON.stringify(filler), pull);
      await queue.append(text(`end ${round}`), push);
    }
    await queue.close();
    // 20 MB passed through the queue.
    expect(await diskUsage(directory.path)).toBeLessThan(5_000_000);

    const { queue: next } = await openQueue(directory.path);
    const kept = (await take(next, next.size)).filter((event) => event !== JSON.stringify(filler));
    expect(kept).toEqual(
      Array.from({ length: 20 }, (_, round) => [text(`push ${round}`), text(`end ${round}`)]).flat(),
    );
    await next.close();
  });

  it('waits for the first event until the signal', async () => {
    const { queue } = await openQueue(undefined);
    const first = queue.next(AbortSignal.timeout(5_000));
    await queue.append(text('a'), push);
    expect(await queue.read(await first)).toBe(text('a'));
    queue.remove(await first);
    const aborted = new AbortController();
    const none = queue.next(aborted.signal);
    aborted.abort(new Error('enough'));
    await expect(none).rejects.toThrow('enough');
  });

  it('keeps events in memory while the disk fails, reports that once, and writes them afterwards', async () => {
    await using directory = await temporaryDirectory();
    const { queue, told } = await openQueue(join(directory.path, 'queue'));
    if (process.getuid?.() === 0) {
      // Root ignores permissions, so the directory is removed instead.
      await rm(join(directory.path, 'queue'), { recursive: true });
    } else await chmod(join(directory.path, 'queue'), 0o500);
    await queue.append(text('a'), push);
    await queue.append(text('b'), push);
    expect(told.failed).toEqual([expect.any(String)]);
    expect(await take(queue, 1)).toEqual([text('a')]);

    await mkdir(join(directory.path, 'queue'), { recursive: true, mode: 0o700 });
    await chmod(join(directory.path, 'queue'), 0o700);
    await queue.append(text('c'), push);
    expect(told.failed).toEqual([expect.any(String), undefined]);
    const { queue: next } = await openQueue(join(directory.path, 'queue'));
    expect(await take(next, 2)).toEqual([text('b'), text('c')]);
    await Promise.all([queue.close(), next.close()]);
  });

  it('writes its events again after another process took over the files', async () => {
    await using directory = await temporaryDirectory();
    const own = join(directory.path, '0');
    const taken = join(directory.path, '1+taken');
    const { queue } = await openQueue(own);
    await queue.append(text('a'), push);
    await rename(own, taken);
    await queue.append(text('b'), push);
    expect(await take(queue, 1)).toEqual([text('b')]);
    await queue.close();

    const { queue: other } = await openQueue(taken);
    expect((await take(other, other.size))[0]).toBe(text('a'));
    await other.close();
  });
});
