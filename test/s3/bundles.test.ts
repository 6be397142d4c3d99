import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { amd64, bundle, bundleScenes, multi, signatureTag, single } from '../bundles/scene.ts';
import { pull } from '../integration/pulling.ts';
import { cacheConfig } from '../integration/scene.ts';
import { pullBlob } from '../retention/expiring-cache.ts';
import { filesBelow, readVisibleBlobs } from '../support/data-directory.ts';
import { Layover } from '../support/layover.ts';
import { freePort } from '../support/processes.ts';
import { runLayover } from '../support/run-layover.ts';
import { sharedS3, versitygw } from './s3-scene.ts';
import { ACCESS_KEY, BUCKET, SECRET_KEY } from './versitygw.ts';

const { hub, startScene } = bundleScenes();

describe.skipIf(versitygw === undefined)('a bundle, imported into S3', () => {
  const server = sharedS3();

  it.each(['a running', 'a stopped'])('by %s server, is complete and pulls under its names', async (state) => {
    await using scene = await startScene();
    expect(await scene.create('usb.tar')).toMatchObject({ code: 0, stderr: '' });
    const rootdirectory = state.replace(' ', '-');
    const s3 = { bucket: BUCKET, accesskey: ACCESS_KEY, secretkey: SECRET_KEY, regionendpoint: server().url };
    const config = {
      ...cacheConfig(hub(), { proxy: { offline: true } }),
      storage: { filesystem: undefined, s3: { ...s3, rootdirectory } },
      admin: { addr: `127.0.0.1:${await freePort()}`, token: 'secret' },
    };
    await using inside = await Layover.startProcess({ config });
    if (state === 'a stopped') await inside.kill('SIGTERM');
    const imported = await bundle('import', scene.path('usb.tar'), inside.configFile);
    expect(imported).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('2 of 2 images imported') });
    const check = await runLayover(['check', scene.path('lock.yaml'), '--referrers', '--read', inside.configFile]);
    expect(check).toMatchObject({ code: 0, stdout: '2 of 2 pull offline\n' });
    const again = await bundle('import', scene.path('usb.tar'), inside.configFile);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('2 of 2 images imported, 0 B written') });
    if (state === 'a stopped') await inside.restart();

    expect(await pull(`${inside.url}/v2/library/multi/manifests/1`)).toMatchObject({ digest: multi.digest });
    const sig = await pull(`${inside.url}/v2/library/single/manifests/${signatureTag}`);
    expect(sig).toMatchObject({ status: 200 });
    const [layer = single.digest] = amd64.layers;
    expect(await pullBlob(inside, 'library/multi', layer)).toMatchObject({ complete: true, digest: layer });
    const root = join(server().bucketDirectory, rootdirectory);
    expect((await readVisibleBlobs(root)).filter(({ intact }) => !intact)).toEqual([]);
    expect(await readVisibleBlobs(root)).toContainEqual(expect.objectContaining({ digest: single.digest }));
    const left = (await filesBelow(root)).filter((file) => /_uploads|layover\/imports/.test(file));
    expect(left).toEqual([]);
  });
});
