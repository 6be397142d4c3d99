import { randomUUID } from 'node:crypto';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { Config } from '../../config/config.ts';
import { createStorageDriver } from '../../storage/index.ts';
import { BufferPool } from '../../stream/buffer-pool.ts';
import { type Check, type CheckResult, type DoctorContext, failed, ok, reasonOf, skipped, warning } from '../check.ts';
import type { FileSystemFacts, MachineFacts } from '../machine.ts';
import { codeOf } from '../probe.ts';

const MIB = 1024 * 1024;
const PROBE_BYTES = 16 * MIB;
const MIN_FREE_BYTES = 1024 * MIB;
/** Part of all files. */
const MIN_FREE_FILES = 0.05;
/** Of a synced write; a push waits for several. Milliseconds. */
const MAX_SYNC_MS = 200;
/** NFS, SMB, CIFS and FUSE, where files in memory are not safe to share. */
const NETWORK_TYPES: readonly number[] = [0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546];

export function storageChecks({ loaded, machine }: DoctorContext): readonly Check[] {
  if (!loaded) return [];
  const { storage, redis } = loaded.config;
  const { driver } = storage;
  if (driver.kind !== 'filesystem') {
    return [{ name: 'read and write', run: () => checkDriver(driver) }];
  }
  const root = driver.rootDirectory;
  return [
    { name: 'writable', run: () => checkWritable(root, storage.readOnly) },
    { name: 'free space', run: async () => checkSpace(await fileSystemOf(root, machine), storage.quota?.size) },
    { name: 'free files', run: async () => checkFiles(await fileSystemOf(root, machine)) },
    { name: 'one file system', run: () => checkDevices(root) },
    { name: 'index', run: () => checkIndex(storage, redis !== undefined, { root, machine }) },
    { name: 'speed', run: () => checkSpeed(root) },
  ];
}

/** Of the nearest directory that exists: the server creates the others. */
async function fileSystemOf(path: string, machine: MachineFacts): Promise<FileSystemFacts> {
  return machine.fileSystem(await nearest(path));
}

async function nearest(path: string): Promise<string> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  return isThere || path === dirname(path) ? path : nearest(dirname(path));
}

async function checkWritable(root: string, isReadOnly: boolean): Promise<CheckResult> {
  const failure = (reason: string, remedy: string) =>
    failed(`storage.filesystem.rootdirectory: ${reason}`, remedy, 'the-directory-cannot-be-written');
  const place = await nearest(root);
  if (!(await stat(place)).isDirectory())
    return failure(`${place} is a file`, 'set it to a directory, or to one that does not exist yet');
  const probe = join(place, `.layover-doctor-${randomUUID()}`);
  try {
    await mkdir(probe);
    await rm(probe, { recursive: true });
    return ok(root);
  } catch (err) {
    if (isReadOnly) return ok(`${root} is read-only, as configured`);
    const remedy = 'give the user of the server a directory that it can write (chown, or another rootdirectory)';
    return failure(`cannot write ${place}: ${codeOf(err) || reasonOf(err)}`, remedy);
  }
}

function checkSpace({ bytes, freeBytes }: FileSystemFacts, quota: number | undefined): CheckResult {
  const free = `${gib(freeBytes)} of ${gib(bytes)} are free`;
  if (freeBytes < MIN_FREE_BYTES)
    return failed(free, 'free space, or set storage.quota.size so that old content is evicted', 'the-disk-is-full');
  if (quota !== undefined && quota > bytes) {
    const text = `storage.quota.size is ${gib(quota)}, and the file system has ${gib(bytes)}`;
    return warning(text, 'set a quota below the size of the file system', 'the-disk-is-full');
  }
  if (quota === undefined)
    return warning(`${free}, and there is no quota`, 'set storage.quota.size', 'the-disk-is-full');
  return ok(`${free}; the quota is ${gib(quota)}`);
}

function checkFiles({ files, freeFiles }: FileSystemFacts): CheckResult {
  if (files === 0) return ok('no limit');
  const text = `${freeFiles} of ${files} files are free`;
  if (freeFiles >= files * MIN_FREE_FILES) return ok(text);
  return failed(text, 'remove files, or make a file system with more inodes', 'the-disk-is-full');
}

/** A finished download is renamed to its place, which only works within one file system. */
async function checkDevices(root: string): Promise<CheckResult> {
  const places = [join(root, 'layover', 'fills'), join(root, 'docker')];
  const devices = await Promise.all(places.map(async (path) => (await stat(await nearest(path))).dev));
  if (new Set(devices).size === 1) return ok('unfinished and finished content');
  return failed(
    `${places.join(' and ')} are different file systems`,
    `mount ${root} as a whole`,
    'the-storage-is-slow',
  );
}

async function checkIndex(
  { indexLocation, indexDirectory }: Config['storage'],
  hasRedis: boolean,
  { root, machine }: { readonly root: string; readonly machine: MachineFacts },
): Promise<CheckResult> {
  if (indexLocation === 'redis' && hasRedis) return ok('in Redis');
  const directory = indexDirectory ?? join(root, 'layover', 'index');
  const { type } = await fileSystemOf(directory, machine);
  if (!NETWORK_TYPES.includes(type)) return ok(directory);
  const remedy = 'set storage.index to a directory on a local disk, or share the index through Redis';
  return failed(`${directory} is on a network file system`, remedy, 'the-index-is-on-a-network-file-system');
}

async function checkSpeed(root: string): Promise<CheckResult> {
  const path = join(await nearest(root), `.layover-doctor-${randomUUID()}`);
  try {
    await using file = await open(path, 'wx');
    const start = performance.now();
    await file.write(Buffer.alloc(PROBE_BYTES, 1));
    await file.sync();
    const wholeMs = performance.now() - start;
    await file.write(Buffer.alloc(4_096, 1));
    const before = performance.now();
    await file.sync();
    const syncMs = performance.now() - before;
    const text = `${Math.round(PROBE_BYTES / MIB / (wholeMs / 1000))} MB/s, ${Math.ceil(syncMs)} ms for a synced write`;
    if (syncMs <= MAX_SYNC_MS) return ok(text);
    return warning(text, 'use a faster disk, or storage.filesystem.durability for a cache', 'the-storage-is-slow');
  } catch (err) {
    return skipped(`cannot write a file: ${codeOf(err) || reasonOf(err)}; see writable`);
  } finally {
    // Below a file there is nothing to remove.
    await rm(path, { force: true }).catch(() => {});
  }
}

async function checkDriver(driver: Config['storage']['driver']): Promise<CheckResult> {
  if (driver.kind === 'inmemory') return ok('memory: lost when the process ends');
  const path = `/layover/doctor-${randomUUID()}`;
  try {
    const storage = await createStorageDriver(driver, { buffers: new BufferPool() });
    try {
      await storage.writeSmall(path, Buffer.from('probe'));
      const bytes = await storage.readSmall(path, 100);
      await storage.delete(path);
      return bytes.toString() === 'probe'
        ? ok('an object was written, read and deleted')
        : failed(
            'an object came back changed',
            'check for a proxy between the server and the store',
            'the-directory-cannot-be-written',
          );
    } finally {
      await storage.close();
    }
  } catch (err) {
    return failed(
      `storage.${driver.kind}: ${reasonOf(err)}`,
      remedyFor(driver.kind),
      'the-directory-cannot-be-written',
    );
  }
}

function remedyFor(kind: Config['storage']['driver']['kind']): string {
  if (kind === 'rados') return 'check poolname, username, conffile, and the capabilities of the user (mon r, osd rwx)';
  return 'check endpoint, bucket, region, credentials and their permissions (get, put, list, delete)';
}

function gib(bytes: number): string {
  return `${(bytes / 1024 / MIB).toFixed(1)} GiB`;
}
