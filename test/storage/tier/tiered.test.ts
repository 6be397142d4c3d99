import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import type { StorageDriver } from '../../../src/storage/driver.ts';
import { createInmemoryDriver } from '../../../src/storage/inmemory/inmemory.ts';
import { createTieredDriver } from '../../../src/storage/tier/tiered.ts';
import { BufferPool } from '../../../src/stream/buffer-pool.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { describeStorageDriver } from '../driver-contract.ts';
import { readAll, readRange } from '../../../src/testing/read-source.ts';

const MIB = 1024 * 1024;

interface Wrapped {
  readonly driver: StorageDriver;
  /** Number of calls of `open`. */
  opened: number;
}

/** A driver that counts its reads. */
function countReads(): Wrapped {
  const driver = createInmemoryDriver();
  const open = driver.open.bind(driver);
  const wrapped: Wrapped = { driver, opened: 0 };
  driver.open = async (path) => {
    wrapped.opened++;
    return await open(path);
  };
  return wrapped;
}

async function createTier({ maxBytes = 100 * MIB, wrapped = countReads() } = {}) {
  const directory = await temporaryDirectory();
  const errors: unknown[] = [];
  const create = () =>
    createTieredDriver(wrapped.driver, {
      directory: join(directory.path, 'tier'),
      maxBytes,
      buffers: new BufferPool(),
      onError: (error) => errors.push(error),
    });
  return {
    driver: await create(),
    wrapped,
    directory: join(directory.path, 'tier'),
    errors,
    /** Another process on the same directory. */
    restart: create,
    copies: async () => (await readdir(join(directory.path, 'tier'))).sort(),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

function blob(size: number) {
  const bytes = randomBytes(size);
  const hex = createHash('sha256').update(bytes).digest('hex');
  return {
    bytes,
    path: `/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`,
    copy: `sha256-${hex}.${size}`,
  };
}

describeStorageDriver('inmemory (with a tier)', async () => {
  const made = await createTier();
  return { driver: made.driver, [Symbol.asyncDispose]: () => made[Symbol.asyncDispose]() };
});

describe('a tier of local copies', () => {
  it('copies a blob that is read from start to end, and reads the copy later', async () => {
    await using made = await createTier();
    const { bytes, path, copy } = blob(3 * MIB + 1);
    await made.driver.writeSmall(path, bytes);
    for (let i = 0; i < 3; i++) expect((await readAll(await made.driver.open(path))).equals(bytes)).toBe(true);
    expect(made.wrapped.opened).toBe(1);
    expect(await made.copies()).toEqual([copy]);
    const source = await made.driver.open(path);
    expect((await readRange(source, { start: MIB, end: MIB + 10 })).equals(bytes.subarray(MIB, MIB + 10))).toBe(true);
    await source.close();
  });

  it('does not copy a blob that is read in part, or whose reader stops early', async () => {
    await using made = await createTier();
    const { bytes, path } = blob(3 * MIB);
    await made.driver.writeSmall(path, bytes);
    const source = await made.driver.open(path);
    await readRange(source, { start: 1, end: bytes.length });
    for await (const _ of source.read({ start: 0, end: 10 })) break;
    const abort = new AbortController();
    abort.abort();
    await readRange(source, { start: 0, end: bytes.length }, abort.signal).catch(() => {});
    await source.close();
    expect(await made.copies()).toEqual([]);
  });

  it('copies only blobs', async () => {
    await using made = await createTier();
    const link = '/docker/registry/v2/repositories/a/_layers/sha256/ab/link';
    await made.driver.writeSmall(link, Buffer.from('x'));
    await readAll(await made.driver.open(link));
    expect(await made.copies()).toEqual([]);
  });

  it('does not keep bytes that do not match the digest', async () => {
    await using made = await createTier();
    const { bytes, path } = blob(MIB);
    const wrong = Buffer.from(bytes);
    wrong[5] = (wrong[5] ?? 0) ^ 1;
    await made.wrapped.driver.writeSmall(path, wrong);
    await readAll(await made.driver.open(path));
    expect(await made.copies()).toEqual([]);
  });

  it('makes one copy for many readers at once', async () => {
    await using made = await createTier();
    const { bytes, path, copy } = blob(3 * MIB);
    await made.driver.writeSmall(path, bytes);
    const readers = Array.from({ length: 10 }, async () => (await readAll(await made.driver.open(path))).equals(bytes));
    expect(await Promise.all(readers)).toEqual(Array.from({ length: 10 }, () => true));
    expect(await made.copies()).toEqual([copy]);
  });

  it('stays below its limit, and evicts the least recently read copy', async () => {
    await using made = await createTier({ maxBytes: 3 * MIB });
    const blobs = Array.from({ length: 4 }, () => blob(MIB));
    const [first, second, third, fourth] = blobs as [Blob, Blob, Blob, Blob];
    const read = async ({ path }: Blob) => void (await readAll(await made.driver.open(path)));
    for (const each of blobs) await made.driver.writeSmall(each.path, each.bytes);
    for (const each of [first, second, third, first, fourth]) await read(each);
    expect(await made.copies()).toEqual([first.copy, third.copy, fourth.copy].sort());
    const tooLarge = blob(4 * MIB);
    await made.driver.writeSmall(tooLarge.path, tooLarge.bytes);
    await read(tooLarge);
    expect(await made.copies()).toEqual([first.copy, third.copy, fourth.copy].sort());
    expect(made.errors).toEqual([]);
  });
  type Blob = ReturnType<typeof blob>;

  it('continues to read a copy that is evicted meanwhile', async () => {
    await using made = await createTier({ maxBytes: 3 * MIB });
    const [old, young] = [blob(3 * MIB), blob(3 * MIB)];
    for (const { path, bytes } of [old, young]) await made.driver.writeSmall(path, bytes);
    await readAll(await made.driver.open(old.path));
    const source = await made.driver.open(old.path);
    await readAll(await made.driver.open(young.path));
    expect(await made.copies()).toEqual([young.copy]);
    expect((await readAll(source)).equals(old.bytes)).toBe(true);
  });

  it('copies a blob that is stored, without reading it back', async () => {
    await using made = await createTier();
    await using local = await temporaryDirectory();
    const { bytes, path, copy } = blob(MIB);
    const file = join(local.path, 'spool');
    await writeFile(file, bytes);
    await made.driver.adopt(file, path);
    expect(await readdir(local.path)).toEqual([]);
    expect(await made.copies()).toEqual([copy]);
    expect((await readAll(await made.driver.open(path))).equals(bytes)).toBe(true);
    expect(made.wrapped.opened).toBe(0);
  });

  it('does not keep a copy of a blob that could not be stored', async () => {
    await using made = await createTier();
    await using local = await temporaryDirectory();
    const { bytes, path } = blob(MIB);
    const file = join(local.path, 'spool');
    await writeFile(file, bytes);
    made.wrapped.driver.adopt = () => Promise.reject(new Error('storage is gone'));
    await expect(made.driver.adopt(file, path)).rejects.toThrow('storage is gone');
    expect(await made.copies()).toEqual([]);
    expect(await readdir(local.path)).toEqual(['spool']);
  });

  it('removes the copy of a deleted blob', async () => {
    await using made = await createTier();
    const blobs = [blob(MIB), blob(MIB)];
    for (const { path, bytes } of blobs) {
      await made.driver.writeSmall(path, bytes);
      await readAll(await made.driver.open(path));
    }
    const [one, two] = blobs as [Blob, Blob];
    await made.driver.delete(one.path);
    await made.driver.delete(two.path.replace('/data', ''));
    expect(await made.copies()).toEqual([]);
    await expect(made.driver.open(one.path)).rejects.toThrow('no such path');
  });

  it('keeps the order of use across a restart, and removes unfinished and truncated copies', async () => {
    await using made = await createTier({ maxBytes: 3 * MIB });
    const blobs = [blob(MIB), blob(MIB), blob(MIB)];
    for (const [i, { path, bytes, copy }] of blobs.entries()) {
      await made.driver.writeSmall(path, bytes);
      await readAll(await made.driver.open(path));
      await utimes(join(made.directory, copy), 1000 - i, 1000 - i);
    }
    const [young, cut, old] = blobs as [Blob, Blob, Blob];
    await truncate(join(made.directory, cut.copy), 5);
    await writeFile(join(made.directory, 'tmp-half'), 'half');
    await mkdir(join(made.directory, 'lost+found'));

    const again = await made.restart();
    expect(await made.copies()).toEqual([young.copy, old.copy, 'lost+found'].sort());
    for (const size of [MIB, MIB]) {
      const more = blob(size);
      await made.wrapped.driver.writeSmall(more.path, more.bytes);
      await readAll(await again.open(more.path));
    }
    expect(await made.copies()).toContain(young.copy);
    expect(await made.copies()).not.toContain(old.copy);
  });

  it('reads from the storage when a copy was removed, or none can be written', async () => {
    await using made = await createTier();
    const { bytes, path } = blob(MIB);
    await made.driver.writeSmall(path, bytes);
    await readAll(await made.driver.open(path));
    await rm(made.directory, { recursive: true });
    expect((await readAll(await made.driver.open(path))).equals(bytes)).toBe(true);
    expect(made.errors).not.toEqual([]);
  });
});
