import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { StorageFullError } from '../../../src/storage/driver.ts';
import { createFilesystemDriver } from '../../../src/storage/filesystem/filesystem.ts';
import { BufferPool } from '../../../src/stream/buffer-pool.ts';
import { filesBelow } from '../../support/data-directory.ts';
import { canMount, smallDisk } from './small-disk.ts';

const run = promisify(execFile);
const mountable = await canMount();
if (!mountable) console.warn('this user may not mount file systems: the tests of a root on several are skipped');

const V2 = 'docker/registry/v2';
const BLOB = `/${V2}/blobs/sha256/ab/abcd/data`;
const LINK = `/${V2}/repositories/team/app/_layers/sha256/abcd/link`;
const UPLOAD = `/${V2}/repositories/team/app/_uploads/1/data`;
const QUARANTINE = '/layover/quarantine/sha256/abcd';

const PARTS = [
  'docker',
  V2,
  `${V2}/blobs`,
  `${V2}/blobs/sha256`,
  `${V2}/blobs/sha256/ab`,
  `${V2}/repositories`,
  `${V2}/repositories/team/app`,
  `${V2}/repositories/team/app/_uploads`,
  'layover',
  'layover/fills',
  'layover/tmp',
];

const open = (rootDirectory: string) => createFilesystemDriver({ rootDirectory, buffers: new BufferPool() });

/** A root directory with one part on another disk. */
async function splitRoot(part: string, attach: (disk: string, place: string) => Promise<() => Promise<void>>) {
  const directory = await smallDisk('20m');
  const disk = await smallDisk('8m');
  const place = join(directory.path, part);
  await mkdir(dirname(place), { recursive: true });
  const detach = await attach(disk.path, place);
  return {
    root: directory.path,
    disk: disk.path,
    async [Symbol.asyncDispose]() {
      await detach();
      await disk[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

const linked = async (disk: string, place: string) => {
  await symlink(disk, place);
  return async () => {};
};

const mounted = async (disk: string, place: string) => {
  await mkdir(place);
  await run('mount', ['--bind', disk, place]);
  return async () => void (await run('umount', [place]));
};

/** A mount of the same device: a rename between them fails too. */
const boundToItself = async (_disk: string, place: string) => {
  await mkdir(place);
  await run('mount', ['--bind', place, place]);
  return async () => void (await run('umount', [place]));
};

const kinds = { 'a link': linked, 'a mount': mounted, 'a mount of the same device': boundToItself };
const cases = Object.entries(kinds).flatMap(([kind, attach]) => PARTS.map((part) => ({ kind, attach, part })));

describe.skipIf(!mountable)('the filesystem driver', () => {
  it.each(cases)('works where $part is $kind', async ({ attach, part }) => {
    await using split = await splitRoot(part, attach);
    const driver = await open(split.root);
    await driver.writeSmall(LINK, Buffer.from('one'));
    await driver.writeSmall(LINK, Buffer.from('two'));
    expect(String(await driver.readSmall(LINK, 10))).toBe('two');

    const filled = randomBytes(300_000);
    const spool = join(driver.spoolDirectory ?? '', 'spool');
    await writeFile(spool, filled);
    await driver.adopt(spool, BLOB);
    expect((await driver.readSmall(BLOB, 1_000_000)).equals(filled)).toBe(true);

    const sent = randomBytes(300_000);
    await driver.staging.create(UPLOAD);
    const staged = await driver.staging.hold(UPLOAD);
    await staged.write([sent]);
    await staged.keep();
    const held = await driver.staging.hold(UPLOAD);
    await held.publish(BLOB);
    expect((await driver.readSmall(BLOB, 1_000_000)).equals(sent)).toBe(true);

    await driver.move(BLOB, QUARANTINE);
    expect((await driver.readSmall(QUARANTINE, 1_000_000)).equals(sent)).toBe(true);
    const left = [...(await filesBelow(split.root)), ...(await filesBelow(split.disk))];
    const names = new Set(left.filter((path) => path !== join(split.root, part)).map((path) => basename(path)));
    expect([...names].filter((name) => name !== 'link' && name !== 'abcd')).toEqual([]);
  });

  it('keeps a file that does not fit on the other file system, and leaves nothing there', async () => {
    await using split = await splitRoot(`${V2}/blobs`, linked);
    const driver = await open(split.root);
    const spool = join(driver.spoolDirectory ?? '', 'spool');
    await writeFile(spool, Buffer.alloc(12 * 1024 * 1024));
    await expect(driver.adopt(spool, BLOB)).rejects.toThrow(StorageFullError);
    expect((await stat(spool)).size).toBe(12 * 1024 * 1024);
    expect(await filesBelow(split.disk)).toEqual([]);
    await writeFile(spool, 'small');
    await driver.adopt(spool, BLOB);
    expect(String(await driver.readSmall(BLOB, 10))).toBe('small');
  });

  it.each(['blobs', 'repositories'])(
    'removes files that a process left half-written on the file system of %s',
    async (name) => {
      await using split = await splitRoot(`${V2}/${name}`, linked);
      await mkdir(join(split.disk, '_layover-tmp'));
      await writeFile(join(split.disk, '_layover-tmp', 'half'), 'a half');
      await writeFile(join(split.disk, 'kept'), 'of another program');
      await open(split.root);
      expect(await filesBelow(split.disk)).toEqual([join(split.disk, 'kept')]);
      expect(await readFile(join(split.disk, 'kept'), 'utf8')).toBe('of another program');
    },
  );
});
