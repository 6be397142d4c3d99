import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { blobDataPath } from '../../src/content/paths.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { PathNotFoundError } from '../../src/storage/driver.ts';
import { createStorageDriver } from '../../src/storage/index.ts';
import { BufferPool } from '../../src/stream/buffer-pool.ts';
import { load } from '../config/config-file.ts';
import { VALIDATED } from '../conformance/settings.ts';
import { findSuite, runSuite } from '../conformance/suite.ts';
import { imageOf, layer } from '../content/garbage/content-model.ts';
import { answerOf, ending, keptOf, locationOf, send, startSending, startUpload } from '../integration/pushing.ts';
import { sharedHub } from '../integration/scene.ts';
import { Images } from '../support/images.ts';
import { type ConfigObject, dockerHubUpstream, Layover } from '../support/layover.ts';
import { runProgram } from '../support/processes.ts';
import { findProgram, programEnvironment } from '../support/programs.ts';
import { Pusher } from '../support/push.ts';
import { runLayover } from '../support/run-layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { STORES } from './stores.ts';

const MIB = 1024 * 1024;
const skopeo = await findProgram('skopeo');
if (skopeo === undefined) console.warn('skopeo is missing: its pulls and pushes are not tested');
const suite = await findSuite();
if (suite === undefined) console.warn('the OCI conformance suite is missing: it is not run on the drivers');
const first = imageOf('first', [layer('shared'), layer('first')]);
const second = imageOf('second', [layer('shared'), layer('second')]);

const images = new Images();
const image = images.addImage('library/app', '1', { layers: [18 * MIB + 5, MIB] });
const large = image.layers[1] as Digest;
const other = images.addImage('library/other', '1', { layers: [18 * MIB] });
const otherLarge = other.layers[1] as Digest;

const BLOBS = '/v2/team/app/blobs/';

async function bytesOf(url: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(url)).arrayBuffer());
}

describe.each(STORES)('the built program with $name', (store) => {
  const share = store.isAvailable ? store.share() : undefined;
  const hub = sharedHub(images);
  const test = it.skipIf(share === undefined);

  const storageOf = (root: string, more: ConfigObject = {}) => ({
    filesystem: undefined,
    ...share?.(root),
    delete: { enabled: true },
    ...more,
  });
  const configWith = (storage: ConfigObject) => ({
    storage,
    http: { secret: 'the same for all' },
    proxy: { hosted: ['team/*'], upstreams: [dockerHubUpstream(hub())] },
  });
  const start = (storage: ConfigObject) => Layover.startProcess({ config: configWith(storage) });

  /** The driver alone, with the content of a program that used the same root. */
  async function openDriver(root: string) {
    const { config } = await load(stringify({ version: 0.1, storage: share?.(root) }));
    const driver = await createStorageDriver(config.storage.driver, { buffers: new BufferPool() });
    return { driver, [Symbol.asyncDispose]: () => driver.close() };
  }

  test('is ready when the store is; otherwise the log names the key', async () => {
    await using good = await start(storageOf('ready'));
    await expect.poll(async () => (await fetch(`${good.url}/readyz`)).status).toBe(200);
    const [driver, options] = Object.entries(share?.('ready') ?? {})[0] as [string, ConfigObject];
    const wrong = { ...options, [store.mistake.key]: store.mistake.value };
    await using bad = await start({ filesystem: undefined, [driver]: wrong });
    const [line] = await bad.waitForOutput(/.*startup check failed.*/);
    expect(line).toContain(`(check storage.${driver}.${store.mistake.key})`);
    expect((await fetch(`${bad.url}/readyz`)).status).toBe(503);
  });

  it.skipIf(share === undefined || skopeo === undefined)('serves pulls and takes pushes of skopeo', async () => {
    await using layover = await start(storageOf('skopeo'));
    await using directory = await temporaryDirectory();
    const registry = `docker://127.0.0.1:${layover.port}`;
    const flags = ['--insecure-policy', '--src-tls-verify=false', '--dest-tls-verify=false'];
    const copy = (from: string, to: string) =>
      runProgram(skopeo as string, ['copy', ...flags, from, to], { env: programEnvironment() });
    const target = async (name: string) => {
      await mkdir(join(directory.path, name));
      return `dir:${join(directory.path, name)}`;
    };
    const cold = await target('cold');
    await copy(`${registry}/library/app:1`, cold);
    await copy(cold, `${registry}/team/app:1`);
    await copy(`${registry}/team/app:1`, await target('pushed'));
    expect(await readdir(join(directory.path, 'pushed'))).toContain(large.replace('sha256:', ''));
    const blob = `${layover.url}${BLOBS}${large}`;
    const response = await fetch(blob, { redirect: 'manual' });
    if (store.redirect) expect(response.headers.get('location')).toMatch(store.redirect);
    expect(response.status).toBe(store.redirect ? 307 : 200);
    expect(digestOf(await bytesOf(blob))).toBe(large);
  });

  test('continues an upload at another process, also when the first one is killed', async () => {
    const storage = storageOf('replicas', { redirect: { disable: true } });
    await using killed = await start(storage);
    await using survivor = await start(storage);
    const at = (location: string) => location.replace(killed.url, survivor.url);
    const bytes = randomBytes(13 * MIB);
    const upload = await startUpload(killed.url, 'team/app');
    const begun = await send('PATCH', upload, { body: bytes.subarray(0, 6 * MIB) });
    const next = await send('PATCH', at(locationOf(begun, killed.url)), { body: bytes.subarray(6 * MIB, 7 * MIB) });
    expect(next.headers.range).toBe(`0-${7 * MIB - 1}`);

    const sending = startSending('PATCH', at(locationOf(next, survivor.url)).replace(survivor.url, killed.url));
    sending.on('error', () => {}); // of the process that is killed
    await new Promise((resolve) => sending.write(bytes.subarray(7 * MIB, 11 * MIB), resolve));
    await killed.kill('SIGKILL');
    const blob = `${survivor.url}${BLOBS}${digestOf(bytes)}`;
    expect((await fetch(blob)).status).toBe(404);
    const kept = await keptOf(at(locationOf(next, survivor.url)));
    expect(kept).toBe(7 * MIB);
    const resumed = async () => {
      const status = await send('GET', locationOf(next, survivor.url));
      const rest = startSending('PATCH', locationOf(status, survivor.url));
      rest.end(bytes.subarray(kept));
      return await answerOf(rest);
    };
    let answer = await resumed();
    // The hold of the process that was killed ends first.
    await expect.poll(async () => (answer = answer.status === 202 ? answer : await resumed()).status).toBe(202);
    const end = await send('PUT', ending(locationOf(answer, survivor.url), digestOf(bytes)));
    expect(end.status).toBe(201);
    expect((await bytesOf(blob)).equals(bytes)).toBe(true);
  });

  test('shows no part of a blob that is being stored when it is killed, and stores it afterwards', async () => {
    const storage = storageOf('killed');
    const path = `/v2/library/app/blobs/${large}`;
    {
      await using killed = await start(storage);
      const { body } = await fetch(`${killed.url}${path}`);
      await body?.getReader().read();
      await killed.kill('SIGKILL');
    }
    await using opened = await openDriver('killed');
    const stored = await opened.driver.stat(blobDataPath(large)).catch((err: unknown) => err);
    if (!(stored instanceof PathNotFoundError)) expect(stored).toMatchObject({ size: 18 * MIB + 5 });
    await using again = await start(storage);
    expect(digestOf(await bytesOf(`${again.url}${path}`))).toBe(large);
    await expect
      .poll(() => opened.driver.stat(blobDataPath(large)).catch(() => undefined))
      .toMatchObject({
        size: 18 * MIB + 5,
      });
  });

  test('collects the garbage of deleted images', async () => {
    const storage = storageOf('garbage');
    await using layover = await start(storage);
    await using directory = await temporaryDirectory();
    const pusher = new Pusher(layover.url);
    await pusher.image('team/app', first, '1');
    await pusher.image('team/app', second, '2');
    await pusher.delete('team/app', first.digest);
    await layover.kill('SIGTERM');
    const file = join(directory.path, 'config.yml');
    await writeFile(file, stringify({ version: 0.1, storage: share?.('garbage') }));
    const { code, stdout } = await runLayover(['garbage-collect', '--grace', '0s', file]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/0 manifests, 2 links and 3 blobs removed/)]);
    await using again = await start(storage);
    await new Pusher(again.url).expectWhole('team/app', second, '2');
    expect((await fetch(`${again.url}${BLOBS}${layer('first').digest}`)).status).toBe(404);
  });

  test('evicts the least recently used blob above the quota', async () => {
    await using layover = await start(storageOf('quota', { quota: { size: '30MB' } }));
    await using opened = await openDriver('quota');
    const exists = (digest: Digest) =>
      opened.driver.stat(blobDataPath(digest)).then(
        () => true,
        () => false,
      );
    expect(digestOf(await bytesOf(`${layover.url}/v2/library/app/blobs/${large}`))).toBe(large);
    await expect.poll(() => exists(large)).toBe(true);
    expect(digestOf(await bytesOf(`${layover.url}/v2/library/other/blobs/${otherLarge}`))).toBe(otherLarge);
    await expect.poll(() => exists(large)).toBe(false);
    await expect.poll(() => exists(otherLarge)).toBe(true);
  });

  test('quarantines damaged blobs', async () => {
    {
      await using layover = await start(storageOf('scrub'));
      await new Pusher(layover.url).image('team/app', first, '1');
    }
    const { digest, bytes } = layer('first');
    const data = blobDataPath(digest as Digest);
    await using opened = await openDriver('scrub');
    await opened.driver.writeSmall(data, Buffer.alloc(bytes.length, 'damaged'));
    await using scrubbing = await start(storageOf('scrub', { scrub: { enabled: true, interval: '1s' } }));
    await expect.poll(() => opened.driver.stat(data).catch((err: unknown) => err)).toBeInstanceOf(PathNotFoundError);
    expect((await fetch(`${scrubbing.url}${BLOBS}${digest}`)).status).toBe(404);
  });

  test('serves hits from a local tier', async () => {
    await using directory = await temporaryDirectory();
    const tier = { size: '1GiB', directory: directory.path };
    await using layover = await start(storageOf('tier', { tier }));
    const blob = `${layover.url}/v2/library/app/blobs/${large}`;
    expect(digestOf(await bytesOf(blob))).toBe(large);
    const copies = async () => (await readdir(directory.path, { recursive: true })).join(' ');
    await expect.poll(copies).toContain(large.replace('sha256:', ''));
    expect(digestOf(await bytesOf(blob))).toBe(large);
  });

  it.skipIf(share === undefined || suite === undefined)('passes the OCI conformance suite', async () => {
    const storage = storageOf('conformance', { redirect: { disable: true } });
    await using layover = await Layover.startProcess({ config: { storage } });
    const run = { name: `storage-${store.name}`, url: layover.url, version: '1.1', settings: VALIDATED } as const;
    const { passed, failed } = await runSuite(suite as string, run);
    expect(failed).toBe(0);
    expect(passed).toBeGreaterThan(100);
  });
});
