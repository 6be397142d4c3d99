import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';

import { IMPORTS } from '../../src/content/paths.ts';
import { UploadNotes } from '../../src/content/upload-notes.ts';
import { UploadStore } from '../../src/content/uploads.ts';
import { createStorageDriver } from '../../src/storage/index.ts';
import { BufferPool } from '../../src/stream/buffer-pool.ts';
import { pull } from '../integration/pulling.ts';
import { expectNothingBroken } from '../integration/stored-data.ts';
import { cacheCommand } from '../retention/command.ts';
import { pullBlob } from '../retention/expiring-cache.ts';
import { cacheConfig } from '../integration/scene.ts';
import { Layover } from '../support/layover.ts';
import { runLayover } from '../support/run-layover.ts';
import { amd64, blobPath, bundle, bundleScenes, multi, signatureTag, single } from './scene.ts';

const { hub, startOffline, startScene } = bundleScenes();

describe('layover bundle import, while the server is running', () => {
  it('stores images that clients pull at once, pins them for the bundle, and forgets only its pins', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    await using inside = await startOffline();
    const tag = `${inside.url}/v2/library/multi/manifests/1`;
    expect(await pull(tag)).toMatchObject({ status: 404 });
    const dry = await bundle('import', scene.path('usb'), inside.configFile, '--dry-run');
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('2 of 2 images would be complete') });
    expect(await inside.visibleBlobs()).toEqual([]);
    const imported = await bundle('import', scene.path('usb'), inside.configFile);
    expect(imported).toMatchObject({ code: 0, stderr: '' });
    const [, id = ''] = /^bundle ([0-9a-f]{12}): 2 of 2 images imported/.exec(imported.stdout) ?? [];
    expect(await pull(tag)).toMatchObject({ status: 200, digest: multi.digest });
    const [layer] = amd64.layers;
    if (!layer) throw new Error('an image without layers');
    expect(await pullBlob(inside, 'library/multi', layer)).toMatchObject({ complete: true, digest: layer });
    const attached = await fetch(`${inside.url}/v2/library/single/manifests/${signatureTag}`);
    expect([attached.status, attached.headers.get('x-cache')]).toEqual([200, 'HIT']);
    const check = await runLayover(['check', scene.path('lock.yaml'), '--referrers', inside.configFile]);
    expect(check).toMatchObject({ code: 0, stdout: '2 of 2 pull offline\n' });

    await cacheCommand(inside, 'cache', 'pin', 'docker.io/library/multi:1');
    expect((await bundle('list', inside.configFile)).stdout).toMatch(new RegExp(`^BUNDLE .*\n${id} +4 `));
    const held = await cacheCommand(inside, 'cache', 'unpin', 'docker.io/library/single:v1');
    expect(held).toMatchObject({ code: 1, stderr: expect.stringContaining(`pinned by bundle ${id}`) });
    expect(await bundle('forget', id, inside.configFile)).toMatchObject({
      code: 0,
      stdout: `bundle ${id}: removed 4 pins\n`,
    });
    expect((await cacheCommand(inside, 'cache', 'pins')).stdout).toMatch(
      /^PIN .*\ndocker.io\/library\/multi:1 +command\n$/,
    );
    expect(await bundle('forget', id, inside.configFile)).toMatchObject({ code: 1 });
    expect((await bundle('list', inside.configFile)).stdout).toBe('no bundles\n');
    await expectNothingBroken(inside);
  });

  it('moves a tag that clients have pulled, and serves the image that it replaces by digest', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    await using inside = await startOffline();
    await bundle('import', scene.path('usb'), inside.configFile);
    expect(await pull(`${inside.url}/v2/library/multi/manifests/1`)).toMatchObject({ digest: multi.digest });
    const moved = `layoverLock: 1\nimages:\n  - name: docker.io/library/multi:1\n    digest: ${amd64.digest}\n    size: 1\n`;
    await writeFile(scene.path('lock.yaml'), moved);
    hub().setTag('library/multi', '1', amd64.digest);
    await cacheCommand(scene.layover, 'cache', 'refresh', 'docker.io/library/multi:1');
    hub().setTag('library/multi', '1', multi.digest);
    expect(await scene.create('next')).toMatchObject({ code: 0, stderr: '' });
    expect(await bundle('import', scene.path('next'), inside.configFile)).toMatchObject({ code: 0, stderr: '' });
    expect(await pull(`${inside.url}/v2/library/multi/manifests/1`)).toMatchObject({ digest: amd64.digest });
    expect(await pull(`${inside.url}/v2/library/multi/manifests/${multi.digest}`)).toMatchObject({ status: 200 });
  });

  it('continues after a damaged bundle was repaired', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    await using inside = await startOffline();
    const [, layer = ''] = single.layers;
    await rm(scene.path(`usb/${blobPath(layer)}`));
    const broken = await bundle('import', scene.path('usb'), inside.configFile, '--json');
    expect(broken.code).toBe(1);
    expect(JSON.parse(broken.stdout)).toMatchObject({ imported: ['docker.io/library/multi:1'], missing: [layer] });
    expect(await pull(`${inside.url}/v2/library/single/manifests/v1`)).toMatchObject({ status: 404 });
    await scene.create('usb');
    expect(await bundle('import', scene.path('usb'), inside.configFile)).toMatchObject({ code: 0 });
    expect(await pull(`${inside.url}/v2/library/single/manifests/v1`)).toMatchObject({ digest: single.digest });
    await expectNothingBroken(inside);
  });

  it('names a bundle that the server cannot read', async () => {
    await using scene = await startScene();
    await using inside = await startOffline();
    const absent = await bundle('import', scene.path('absent'), inside.configFile);
    expect(absent).toMatchObject({ code: 1, stderr: expect.stringContaining('absent: no such file or directory') });
    const device = await bundle('import', '/dev/null', inside.configFile);
    expect(device).toMatchObject({ code: 1, stderr: expect.stringContaining('/dev/null: not a file') });
  });

  it('stores nothing where the storage is read-only', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    const config = cacheConfig(hub(), { proxy: { offline: true } });
    const storage = { maintenance: { readonly: { enabled: true } } };
    await using inside = await Layover.start({ config: { ...config, storage } });
    const refused = await bundle('import', scene.path('usb'), inside.configFile);
    expect(refused).toMatchObject({ code: 1, stderr: 'layover: the storage is read-only: nothing can be imported\n' });
    expect(await inside.visibleBlobs()).toEqual([]);
  });
});

describe('layover bundle import', () => {
  it('removes what an import left in storage when it was killed, and no upload of a client', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    await using inside = await startOffline();
    await inside.kill('SIGTERM');
    const driver = await createStorageDriver(
      { kind: 'filesystem', rootDirectory: inside.dataDirectory, durability: 'full' },
      { buffers: new BufferPool(), log: undefined },
    );
    const never = async () => {
      throw new Error('is not committed');
    };
    const [killed, pushed] = [
      new UploadStore(driver, never, new UploadNotes(driver, IMPORTS)),
      new UploadStore(driver, never),
    ];
    const key = (id: string) => ({ repository: 'docker.io/library/single', id });
    for (const [uploads, id] of [
      [killed, 'left'],
      [pushed, 'of-a-client'],
    ] as const) {
      await uploads.start(key(id), { startedAt: new Date(), algorithm: 'sha256' });
      const bytes = Readable.from([Buffer.alloc(1000)]);
      await uploads.append(key(id), { bytes, offset: 0, length: 1000, isOneOfMany: false });
    }
    await driver.close();
    expect(await bundle('import', scene.path('usb'), inside.configFile)).toMatchObject({ code: 0, stderr: '' });
    const uploads = join(inside.dataDirectory, 'docker/registry/v2/repositories/docker.io/library/single/_uploads');
    expect(await readdir(uploads)).toEqual(['of-a-client']);
    expect(await readdir(join(inside.dataDirectory, 'layover/imports'))).toEqual([]);
  });

  it('of images that do not fit under the quota names the sizes, and writes nothing', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    const config = cacheConfig(hub(), { proxy: { offline: true } });
    await using inside = await Layover.start({ config: { ...config, storage: { quota: { size: '300KiB' } } } });
    const refused = await bundle('import', scene.path('usb'), inside.configFile);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /usb: its images need 0\.5 MiB, and the quota allows 0\.3 MiB, of which 0\.3 MiB are free \(raise storage\.quota\.size\)/,
    );
    expect(await inside.visibleBlobs()).toEqual([]);
  });
});
