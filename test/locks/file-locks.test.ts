import { mkdir, readdir, readFile, readlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { SpoolArea } from '../../src/fills/spool-area.ts';
import { FileLocks } from '../../src/locks/file-locks.ts';
import { BufferPool } from '../../src/stream/buffer-pool.ts';
import { RunningProcess } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function locksIn(directory: string) {
  const locks = new FileLocks(directory);
  await locks.start();
  return Object.assign(locks, { [Symbol.dispose]: () => locks.stop() });
}

afterEach(() => {
  vi.useRealTimers();
});

describe('file locks', () => {
  it('are held by one holder at a time', async () => {
    await using directory = await temporaryDirectory();
    using first = await locksIn(directory.path);
    using second = await locksIn(directory.path);
    expect(await first.take('a')).toBe(true);
    expect(await second.take('a')).toBe(false);
    expect(await second.isHeld('a')).toBe(true);
    await first.release('a');
    expect(await second.isHeld('a')).toBe(false);
    expect(await second.take('a')).toBe(true);
  });

  it('are free at once when their holder on this machine has ended', async () => {
    await using directory = await temporaryDirectory();
    using locks = await locksIn(directory.path);
    const gone = await RunningProcess.start(execPath, ['-e', '0']);
    await gone.exited;
    const space = `${hostname()} ${await readlink('/proc/self/ns/pid')}`;
    const holder = { space, pid: gone.pid, startedAt: 0 };
    await writeFile(join(directory.path, 'a.lock'), JSON.stringify(holder));
    expect(await locks.take('a')).toBe(true);
  });

  it('of a killed process leave no draft behind, except one that is half-written and may belong to a running process', async () => {
    await using directory = await temporaryDirectory();
    const gone = await RunningProcess.start(execPath, ['-e', '0']);
    await gone.exited;
    const space = `${hostname()} ${await readlink('/proc/self/ns/pid')}`;
    await writeFile(join(directory.path, 'a.draft'), JSON.stringify({ space, pid: gone.pid, startedAt: 0 }));
    await writeFile(join(directory.path, 'b.draft'), '{"space":');
    using _ = await locksIn(directory.path);
    expect(await readdir(directory.path)).toEqual(['b.draft']);
  });

  it('start, and are held, beside a stale lock that cannot be removed', async () => {
    await using directory = await temporaryDirectory();
    const stuck = join(directory.path, 'stuck.lock');
    await mkdir(stuck);
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(stuck, longAgo, longAgo);
    using locks = await locksIn(directory.path);
    expect(await locks.take('a')).toBe(true);
    expect(await readdir(directory.path)).toEqual(['a.lock', 'stuck.lock']);
  });

  it('stay with their holder after a pause right after the start, when stale drafts are removed again', async () => {
    await using directory = await temporaryDirectory();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    using locks = await locksIn(directory.path);
    expect(await locks.take('a')).toBe(true);
    await writeFile(join(directory.path, 'b.draft'), '{"space":');
    const beforePause = new Date(Date.now() - 60_000);
    for (const file of ['a.lock', 'b.draft']) await utimes(join(directory.path, file), beforePause, beforePause);
    vi.advanceTimersByTime(10_000);
    vi.useRealTimers();
    await vi.waitFor(async () => expect(await readdir(directory.path)).not.toContain('b.draft'), 20_000);
    expect(await readdir(directory.path)).toEqual(['a.lock']);
  });

  it('are free when the heartbeat of a holder on another machine has stopped, and not before', async () => {
    await using directory = await temporaryDirectory();
    using locks = await locksIn(directory.path);
    const file = join(directory.path, 'a.lock');
    await writeFile(file, JSON.stringify({ space: 'elsewhere', pid: 1, startedAt: 0 }));
    expect(await locks.take('a')).toBe(false);
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(file, longAgo, longAgo);
    expect(await locks.take('a')).toBe(true);
  });
});

describe('two processes that share a spool directory', () => {
  it('never write to the same file, and the second one removes its own', async () => {
    await using temporary = await temporaryDirectory();
    const directory = join(temporary.path, 'fills');
    const create = () => new SpoolArea({ directory, maxBytes: 1_000, keepMs: 60_000, buffers: new BufferPool() });
    const [first, second] = [create(), create()];
    const key = { digest: digestOf(Buffer.from('a')), source: 'hub.example' };
    await first.start();
    await second.start();
    const spool = await first.open(key);
    const privateSpool = await second.open(key);
    await spool.append(Buffer.from('first'));
    await privateSpool.append(Buffer.from('second'));
    expect(await readFile(first.pathOf(key), 'utf8')).toBe('first');
    expect(await readFile(second.pathOf(key), 'utf8')).toBe('second');
    const left = second.pathOf(key);
    await second.release(key);
    await expect(readFile(left)).rejects.toThrow('ENOENT');
    expect(await readFile(first.pathOf(key), 'utf8')).toBe('first');
    await Promise.all([spool.release(), privateSpool.release(), first.release(key)]);
    first.stop();
    second.stop();
  });

  it('do not remove files that the other one is writing', async () => {
    await using temporary = await temporaryDirectory();
    const directory = join(temporary.path, 'fills');
    const create = () => new SpoolArea({ directory, maxBytes: 100, keepMs: 60_000, buffers: new BufferPool() });
    const [first, second] = [create(), create()];
    const keyOf = (text: string) => ({ digest: digestOf(Buffer.from(text)), source: 'hub.example' });
    const [key, other] = [keyOf('a'), keyOf('b')];
    await first.start();
    await second.start();
    const spool = await first.open(key);
    const privateSpool = await second.open(key);
    await privateSpool.append(Buffer.alloc(90, 'x'));
    const large = await first.open(other);
    await first.reserve(other, 100);
    expect((await readFile(second.pathOf(key))).length).toBe(90);
    for (const open of [spool, privateSpool, large]) await open.release();
    await second.release(key);
    first.stop();
    second.stop();
  });
});
