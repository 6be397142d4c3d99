import { execFile } from 'node:child_process';
import { chmod, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { canMount, smallDisk } from '../storage/filesystem/small-disk.ts';
import { filesBelow } from '../support/data-directory.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { canBecomeOther, serveAsOther, startAsOther } from './other-user.ts';
import { attachedTo, imageOf, LAYER, Repository, CONFIG } from './manifest-pushing.ts';
import { pull } from './pulling.ts';
import { ending, refusalOf, send, startUpload } from './pushing.ts';
import { cacheConfig, sharedHub } from './scene.ts';

const run = promisify(execFile);
const NAME = 'library/app';
const images = new Images();
const cached = images.addImage(NAME, '1');
const uncached = images.addImage(NAME, '2');
const hub = sharedHub(images);
const READ_ONLY = [503, 'UNAVAILABLE'];
const DEBUG = { debug: { addr: '127.0.0.1:0' } };

const mountable = await canMount();
if (!mountable) console.warn('this user may not mount a tmpfs: the tests of a read-only storage are skipped');

const remount = (path: string, how: 'ro' | 'rw') => run('mount', ['-o', `remount,${how}`, path]);

/** @param index its directory; a file that is open for writing keeps a file system from being made read-only */
function config(index?: string) {
  const { proxy } = cacheConfig(hub(), { proxy: { hosted: ['team/*'] } });
  const storage = { delete: { enabled: true }, ...(index !== undefined && { index: { directory: index } }) };
  const health = { storagedriver: { enabled: true, interval: '1s' } };
  return { proxy, storage, http: DEBUG, health };
}

async function pushed(url: string) {
  const repository = new Repository(url, 'team/app');
  await repository.addBlobs(CONFIG, LAYER);
  const image = imageOf('one');
  expect((await repository.put(image, 'v1')).status).toBe(201);
  return { repository, image };
}

/** What clients may try that changes something. */
async function expectWritesRefused(
  layover: Pick<Layover, 'url'>,
  { repository, image }: Awaited<ReturnType<typeof pushed>>,
): Promise<void> {
  const base = `${layover.url}/v2/team/app`;
  const uploads = `${base}/blobs/uploads/`;
  for (const path of ['', `?digest=${LAYER.digest}`, `?mount=${LAYER.digest}&from=team/app`]) {
    const body = path.startsWith('?digest') ? LAYER.bytes : Buffer.alloc(0);
    const name = path.startsWith('?mount') ? 'team/other' : 'team/app';
    const sent = await send('POST', `${layover.url}/v2/${name}/blobs/uploads/${path}`, { body });
    expect(refusalOf(sent), `${uploads}${path}`).toEqual(READ_ONLY);
    expect(sent.body).toContain('read-only');
  }
  for (const manifest of [imageOf('two'), image, attachedTo(image, 'a/signature')]) {
    expect(refusalOf(await repository.put(manifest, manifest.digest))).toEqual(READ_ONLY);
    expect(refusalOf(await repository.put(manifest, 'v2'))).toEqual(READ_ONLY);
  }
  for (const path of ['manifests/v1', `manifests/${image.digest}`, `blobs/${LAYER.digest}`]) {
    expect(refusalOf(await send('DELETE', `${base}/${path}`)), path).toEqual(READ_ONLY);
  }
}

async function expectServed(
  layover: Pick<Layover, 'url'>,
  { repository, image }: Awaited<ReturnType<typeof pushed>>,
): Promise<void> {
  for (const path of ['manifests/v1', `manifests/${image.digest}`, `blobs/${LAYER.digest}`, 'tags/list']) {
    expect(await repository.status(path), path).toBe(200);
    if (path !== 'tags/list') {
      expect((await send('HEAD', `${layover.url}/v2/team/app/${path}`)).status, path).toBe(200);
    }
  }
  expect(await pull(`${layover.url}/v2/${NAME}/manifests/1`)).toMatchObject({ status: 200, digest: cached.digest });
  expect(await pull(`${layover.url}/v2/${NAME}/manifests/2`)).toMatchObject({ status: 200, digest: uncached.digest });
  for (const digest of images.blobs.keys()) {
    const blob = await pull(`${layover.url}/v2/${NAME}/blobs/${digest}`);
    expect(blob).toMatchObject({ status: 200, complete: true, digest });
  }
}

/** Still ready, and the reports say what is the matter. */
async function expectReported(layover: Layover): Promise<void> {
  expect((await fetch(`${layover.url}/readyz`)).status).toBe(200);
  const report = async () => {
    const { checks } = (await (await fetch(`${layover.debugUrl}/readyz`)).json()) as {
      checks: Record<string, unknown>;
    };
    return checks['storagedriver_filesystem'];
  };
  await expect.poll(report, { timeout: 15_000, interval: 200 }).toMatchObject({ state: 'passing', writable: false });
}

/** Skipped where file systems can not be mounted: it takes root. */
describe.skipIf(!mountable)('a storage that is read-only', () => {
  it('from the start: serves and passes through, refuses every write, and says so', async () => {
    await using disk = await smallDisk('20m');
    await using layover = await Layover.start({ dataDirectory: disk.path, config: config() });
    const scene = await pushed(layover.url);
    await pull(`${layover.url}/v2/${NAME}/manifests/1`);
    await layover.kill('SIGTERM');
    await remount(disk.path, 'ro');
    const before = await filesBelow(disk.path);
    await layover.restart();
    await layover.waitForOutput(/storage is read-only/);
    await expectWritesRefused(layover, scene);
    await expectServed(layover, scene);
    await expectReported(layover);
    expect(await filesBelow(disk.path)).toEqual(before);
    expect(layover.output).not.toContain('internal error');
  });

  it('from one moment to the next, in the middle of an upload as well; and takes it when it can again', async () => {
    await using disk = await smallDisk('20m');
    await using elsewhere = await temporaryDirectory();
    await using layover = await Layover.start({ dataDirectory: disk.path, config: config(elsewhere.path) });
    const scene = await pushed(layover.url);
    await pull(`${layover.url}/v2/${NAME}/manifests/1`);
    await layover.settled();
    const upload = await startUpload(layover.url, 'team/app');
    await remount(disk.path, 'ro');
    await expectWritesRefused(layover, scene);
    const chunk = { body: LAYER.bytes, headers: { 'content-type': 'application/octet-stream' } };
    expect(refusalOf(await send('PATCH', upload, chunk))).toEqual(READ_ONLY);
    expect(refusalOf(await send('PUT', ending(upload, LAYER.digest), chunk))).toEqual(READ_ONLY);
    expect(refusalOf(await send('DELETE', upload))).toEqual(READ_ONLY);
    await expectServed(layover, scene);
    await remount(disk.path, 'rw');
    expect((await send('PUT', ending(upload, LAYER.digest), chunk)).status).toBe(201);
    expect((await scene.repository.put(imageOf('two'), 'v2')).status).toBe(201);
  });
});

describe.skipIf(!canBecomeOther)('a storage whose files belong to another user', () => {
  it('serves and passes through, and refuses every write', async () => {
    await using layover = await Layover.start({ config: { ...config(), http: {} } });
    const { image } = await pushed(layover.url);
    await pull(`${layover.url}/v2/${NAME}/manifests/1`);
    await layover.kill('SIGTERM');
    const before = await filesBelow(layover.dataDirectory);
    const { server, url } = await serveAsOther(layover);
    await using _ = server;
    await server.waitForOutput(/storage is read-only/);
    expect(server.output).toContain('belongs to user 0 and cannot be written by user 12345');
    const scene = { repository: new Repository(url, 'team/app'), image };
    await expectWritesRefused({ url }, scene);
    await expectServed({ url }, scene);
    expect(await filesBelow(layover.dataDirectory)).toEqual(before);
    expect(server.output).not.toContain('internal error');
  });

  it.each([0o755, 0o700])('is an error with two remedies when it is empty, with mode %o', async (mode) => {
    await using layover = await Layover.start({ config: { ...config(), http: {} } });
    await layover.kill('SIGTERM');
    const { dataDirectory } = layover;
    for (const name of await readdir(dataDirectory)) await rm(join(dataDirectory, name), { recursive: true });
    await chmod(dirname(dataDirectory), 0o755);
    await chmod(dataDirectory, mode);
    await using server = await startAsOther(layover, ['serve']);
    expect(await server.exited).toEqual({ code: 1, signal: null });
    const problem = `${dataDirectory} belongs to user 0 and cannot be written by user 12345`;
    const remedies = `run "chown -R 12345:12345 ${dataDirectory}" as root, or run Layover as user 0`;
    expect(server.stderr).toContain(`layover: ${problem} (${remedies})\n`);
    expect(await readdir(dataDirectory)).toEqual([]);
  });
});
