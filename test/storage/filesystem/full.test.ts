import { randomBytes } from 'node:crypto';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { StorageFullError } from '../../../src/storage/driver.ts';
import { createFilesystemDriver } from '../../../src/storage/filesystem/filesystem.ts';
import { inBatch } from '../../../src/storage/write-batch.ts';
import { BufferPool } from '../../../src/stream/buffer-pool.ts';
import { filesBelow } from '../../support/data-directory.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { readAll } from '../../../src/testing/read-source.ts';
import { canMount, smallDisk } from './small-disk.ts';

const mountable = await canMount();
if (!mountable) console.warn('this user may not mount a tmpfs: the tests of a full disk are skipped');

describe.skipIf(!mountable)('the filesystem driver on a full disk', () => {
  it('rejects writes, keeps its files, leaves no temporary ones, and writes again when there is space', async () => {
    await using disk = await smallDisk('1m');
    const driver = await createFilesystemDriver({ rootDirectory: disk.path, buffers: new BufferPool() });
    await driver.writeSmall('/d/f', Buffer.from('kept'));
    await writeFile(join(disk.path, 'ballast'), Buffer.alloc(900_000));
    const before = await filesBelow(disk.path);

    for (const path of ['/d/f', '/d/new', '/new/er/f']) {
      await expect(driver.writeSmall(path, randomBytes(200_000))).rejects.toThrow(StorageFullError);
    }
    expect(await filesBelow(disk.path)).toEqual(before);
    expect(await readFile(join(disk.path, 'd/f'), 'utf8')).toBe('kept');

    await rm(join(disk.path, 'ballast'));
    await driver.writeSmall('/new/er/f', Buffer.alloc(200_000, 'x'));
    expect((await driver.stat('/new/er/f')).size).toBe(200_000);
  });

  it('rejects a batch with a file for which it has no space, keeps the others, and leaves no temporary ones', async () => {
    await using disk = await smallDisk('1m');
    const driver = await createFilesystemDriver({ rootDirectory: disk.path, buffers: new BufferPool() });
    await driver.writeSmall('/d/f', Buffer.from('kept'));
    await writeFile(join(disk.path, 'ballast'), Buffer.alloc(900_000));
    const before = await filesBelow(disk.path);
    const bytes = randomBytes(200_000);
    const writing = inBatch(driver, async (batch) => {
      batch.prepare('/d/f', bytes);
      batch.prepare('/d/g', bytes);
      await batch.writeSmall('/d/f', bytes);
    });
    await expect(writing).rejects.toThrow(StorageFullError);
    expect(await filesBelow(disk.path)).toEqual(before);
    expect(await readFile(join(disk.path, 'd/f'), 'utf8')).toBe('kept');
  });

  it('keeps a local file for which it has no space', async () => {
    await using disk = await smallDisk('1m');
    await using elsewhere = await temporaryDirectory();
    const driver = await createFilesystemDriver({ rootDirectory: disk.path, buffers: new BufferPool() });
    const bytes = randomBytes(2_000_000);
    const local = join(elsewhere.path, 'local');
    await writeFile(local, bytes);

    await expect(driver.adopt(local, '/a/b')).rejects.toThrow(StorageFullError);
    expect(await filesBelow(disk.path)).toEqual([]);
    expect((await readFile(local)).equals(bytes)).toBe(true);
  });

  it('has space for the rename of a spool', async () => {
    await using disk = await smallDisk('1m');
    const driver = await createFilesystemDriver({ rootDirectory: disk.path, buffers: new BufferPool() });
    const local = join(driver.spoolDirectory as string, 'f');
    await writeFile(local, Buffer.alloc(1_048_576 / 2));
    await writeFile(join(disk.path, 'ballast'), Buffer.alloc(1_048_576)).catch(() => 'full, as it should be');
    await driver.adopt(local, '/a/b');
    expect((await driver.stat('/a/b')).size).toBe(1_048_576 / 2);
  });
});

describe.skipIf(!mountable)('a local file on another file system', () => {
  it('is copied, and then removed', async () => {
    await using disk = await smallDisk('4m');
    await using elsewhere = await temporaryDirectory();
    const driver = await createFilesystemDriver({ rootDirectory: disk.path, buffers: new BufferPool() });
    const bytes = randomBytes(1_000_000);
    const local = join(elsewhere.path, 'local');
    await writeFile(local, bytes);

    await driver.adopt(local, '/a/b');
    expect((await readAll(await driver.open('/a/b'))).equals(bytes)).toBe(true);
    await expect(access(local)).rejects.toThrow('ENOENT');
    expect(await filesBelow(disk.path)).toEqual([join(disk.path, 'a/b')]);
  });
});
