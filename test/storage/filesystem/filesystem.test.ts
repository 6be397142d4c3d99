import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, readlink, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { createFilesystemDriver } from '../../../src/storage/filesystem/filesystem.ts';
import { createStorageDriver } from '../../../src/storage/index.ts';
import { BufferPool } from '../../../src/stream/buffer-pool.ts';
import { filesBelow } from '../../support/data-directory.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { describeStorageDriver } from '../driver-contract.ts';
import { readAll, readRange } from '../../../src/testing/read-source.ts';

async function createDriver() {
  const directory = await temporaryDirectory();
  const buffers = new BufferPool();
  const driver = await createFilesystemDriver({ rootDirectory: directory.path, buffers });
  return {
    driver,
    buffers,
    root: directory.path,
    async [Symbol.asyncDispose]() {
      await driver.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

describeStorageDriver('filesystem', createDriver);

describe('files of the filesystem driver', () => {
  it('are at their path below the root', async () => {
    await using made = await createDriver();
    await made.driver.writeSmall('/a/b', Buffer.from('x'));
    expect(await readFile(join(made.root, 'a/b'), 'utf8')).toBe('x');
  });

  it('are readable without a buffer pool of the caller', async () => {
    await using directory = await temporaryDirectory();
    const driver = await createFilesystemDriver({ rootDirectory: directory.path });
    await driver.writeSmall('/f', Buffer.from('x'));
    expect(String(await readAll(await driver.open('/f')))).toBe('x');
    await driver.close();
  });

  it('leave no temporary files, whether the write succeeds or not', async () => {
    await using made = await createDriver();
    await made.driver.writeSmall('/a/b', Buffer.from('x'));
    await expect(made.driver.writeSmall('/a/b/c', Buffer.from('below a file'))).rejects.toThrow('ENOTDIR');
    await expect(made.driver.writeSmall('/a', Buffer.from('a directory'))).rejects.toThrow('EISDIR');
    expect(await readdir(join(made.root, 'layover/tmp'))).toEqual([]);
  });

  it('are not listed while they are being written', async () => {
    await using made = await createDriver();
    const writing = Array.from({ length: 20 }, (_, i) => made.driver.writeSmall(`/d/f${i}`, randomBytes(100_000)));
    let done = false;
    const all = Promise.all(writing).then(() => (done = true));
    while (!done) {
      for (const path of await filesBelow(join(made.root, 'd'))) expect((await readFile(path)).length).toBe(100_000);
    }
    await all;
    expect(await made.driver.list('/d')).toHaveLength(20);
  });

  it('are removed at startup when an earlier process did not finish them; spools are not', async () => {
    await using directory = await temporaryDirectory();
    for (const folder of ['tmp', 'fills']) {
      await mkdir(join(directory.path, 'layover', folder), { recursive: true });
      await writeFile(join(directory.path, 'layover', folder, 'leftover'), 'half');
    }
    const driver = await createFilesystemDriver({ rootDirectory: directory.path, buffers: new BufferPool() });
    expect(await readdir(join(directory.path, 'layover/tmp'))).toEqual([]);
    expect(await readdir(driver.spoolDirectory as string)).toEqual(['leftover']);
  });

  it('are written even when the temporary ones are removed at that moment', async () => {
    await using made = await createDriver();
    const writing = Array.from({ length: 20 }, (_, i) => made.driver.writeSmall(`/d/f${i}`, randomBytes(100_000)));
    await createFilesystemDriver({ rootDirectory: made.root, buffers: made.buffers });
    await Promise.all(writing);
    for (const path of await filesBelow(join(made.root, 'd'))) expect((await readFile(path)).length).toBe(100_000);
    expect(await made.driver.list('/d')).toHaveLength(20);
  });

  it('may be links, because an administrator may have moved content', async () => {
    await using made = await createDriver();
    await using elsewhere = await temporaryDirectory();
    await writeFile(join(elsewhere.path, 'f'), 'linked');
    await symlink(elsewhere.path, join(made.root, 'link'));
    expect(String(await made.driver.readSmall('/link/f', 100))).toBe('linked');
  });

  it('with names that are not valid in paths are not listed', async () => {
    await using made = await createDriver();
    await mkdir(join(made.root, 'd'));
    for (const name of ['ok', 'not ok', 'ü']) await writeFile(join(made.root, 'd', name), 'x');
    expect(await made.driver.list('/d')).toEqual(['ok']);
  });

  it.runIf(process.getuid?.() !== 0)('without permission to read are an error, not missing', async () => {
    await using made = await createDriver();
    await made.driver.writeSmall('/f', Buffer.from('x'));
    await chmod(join(made.root, 'f'), 0);
    await expect(made.driver.open('/f')).rejects.toThrow('EACCES');
  });
});

describe('reading with the filesystem driver', () => {
  it('fails when the file has become shorter, instead of ending early', async () => {
    await using made = await createDriver();
    await made.driver.writeSmall('/f', randomBytes(6_000_000));
    const source = await made.driver.open('/f');
    await truncate(join(made.root, 'f'), 5_999_999);
    await expect(readRange(source, { start: 0, end: source.size })).rejects.toThrow('shorter than the 6000000 bytes');
    expect(made.buffers.stats).toMatchObject({ readers: 0, used: 0 });
    await source.close();
  });

  it('is not affected by a failed read ahead whose chunk is not requested', async () => {
    await using made = await createDriver();
    await made.driver.writeSmall('/f', randomBytes(6_000_000));
    const source = await made.driver.open('/f');
    await truncate(join(made.root, 'f'), 3_000_000);
    for await (const chunk of source.read({ start: 0, end: source.size })) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(made.buffers.stats).toMatchObject({ readers: 0, used: 0 });
    await source.close();
  });

  it('returns every buffer, however the reader ends', async () => {
    await using made = await createDriver();
    const bytes = randomBytes(5_000_000);
    await made.driver.writeSmall('/f', bytes);
    const source = await made.driver.open('/f');
    const abort = new AbortController();
    const whole = { start: 0, end: bytes.length };
    for await (const _ of source.read(whole)) break;
    const consume = async () => {
      for await (const _ of source.read(whole, { signal: abort.signal })) abort.abort();
    };
    await expect(consume()).rejects.toThrow(/abort/);
    const fail = async () => {
      for await (const _ of source.read(whole)) throw new Error('consumer failed');
    };
    await expect(fail()).rejects.toThrow('consumer failed');
    expect((await readAll(source)).equals(bytes)).toBe(true);
    expect(made.buffers.stats).toMatchObject({ readers: 0, used: 0 });
  });

  it('never changes a chunk that a consumer still uses, not even when the source is closed', async () => {
    await using made = await createDriver();
    const bytes = randomBytes(5_000_000);
    await made.driver.writeSmall('/f', bytes);
    await made.driver.writeSmall('/g', Buffer.alloc(5_000_000));
    const abandoned = await made.driver.open('/f');
    const reader = abandoned.read({ start: 0, end: bytes.length })[Symbol.asyncIterator]();
    const { value } = await reader.next();
    await abandoned.close();
    await readAll(await made.driver.open('/g'));
    expect(bytes.subarray(0, value.length).equals(value)).toBe(true);
    await expect(reader.next()).rejects.toThrow(/closed/);
    expect(made.buffers.stats).toMatchObject({ readers: 0, used: 0 });
  });

  it('does not close the file during a read', async () => {
    await using made = await createDriver();
    const bytes = randomBytes(5_000_000);
    await made.driver.writeSmall('/f', bytes);
    const source = await made.driver.open('/f');
    const readers = Array.from({ length: 8 }, () => readRange(source, { start: 0, end: bytes.length }));
    const outcomes = Promise.allSettled(readers);
    await source.close();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { message: '/f has been closed' } });
    }
    expect(made.buffers.stats).toMatchObject({ readers: 0, used: 0 });
  });

  it.runIf(process.platform === 'linux')('leaves no file open', async () => {
    await using made = await createDriver();
    await made.driver.writeSmall('/f', randomBytes(300_000));
    const openFiles = async () => (await openPaths()).filter((path) => path.startsWith(made.root));
    const work = Array.from({ length: 50 }, async (_, i) => {
      const source = await made.driver.open('/f');
      if (i % 2 === 0) for await (const _ of source.read({ start: 0, end: source.size })) break;
      await made.driver.readSmall('/f', i % 3 === 0 ? 10 : 1_000_000).catch(() => undefined);
      await made.driver.open('/').catch(() => undefined);
      await made.driver.writeSmall(`/d${i}/f`, Buffer.from('x'));
      await source.close();
    });
    await Promise.all(work);
    expect(await openFiles()).toEqual([]);
  });
});

describe('the configured storage driver', () => {
  it('is the filesystem driver, which creates its root directory', async () => {
    await using directory = await temporaryDirectory();
    const rootDirectory = join(directory.path, 'to/be/made');
    const driver = await createStorageDriver({ kind: 'filesystem', rootDirectory }, { buffers: new BufferPool() });
    expect(driver.name).toBe('filesystem');
    expect(driver.spoolDirectory).toBe(join(rootDirectory, 'layover/fills'));
    expect(await readdir(rootDirectory)).toEqual(['layover']);
  });

  it('is the inmemory driver', async () => {
    const driver = await createStorageDriver({ kind: 'inmemory' }, { buffers: new BufferPool() });
    expect([driver.name, driver.spoolDirectory]).toEqual(['inmemory', undefined]);
  });
});

async function openPaths(): Promise<string[]> {
  const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
  return await Promise.all(links);
}
