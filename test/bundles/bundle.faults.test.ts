import { execFile } from 'node:child_process';
import { readFile, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { tarHeader, tarPadding } from '../../src/images/tar-header.ts';
import { cacheConfig } from '../integration/scene.ts';
import { pull } from '../integration/pulling.ts';
import { expectNothingBroken } from '../integration/stored-data.ts';
import { pullBlob } from '../retention/expiring-cache.ts';
import { canMount, smallDisk } from '../storage/filesystem/small-disk.ts';
import { Layover } from '../support/layover.ts';
import { amd64, blobPath, bundle, bundleScenes, multi, resum, signatureTag, single } from './scene.ts';

const { hub, startInside, startOffline, startScene } = bundleScenes();

const run = promisify(execFile);
const mountable = await canMount();
if (!mountable) console.warn('this user may not mount a tmpfs: the tests of bundles on a full disk are skipped');

describe.skipIf(!mountable)('a bundle on a full disk', () => {
  it.each(['usb', 'usb.tar'])('%s is not complete, and the same command completes it with more space', async (name) => {
    await using scene = await startScene();
    await using disk = await smallDisk('400k');
    const output = join(disk.path, name);
    const create = () => bundle('create', '-o', output, '--from', scene.path('lock.yaml'), scene.layover.configFile);
    const full = await create();
    expect(full).toMatchObject({ code: 1, stderr: expect.stringContaining('ENOSPC') });
    if (name === 'usb.tar') expect(await readdir(disk.path)).toEqual([]);
    await run('mount', ['-o', 'remount,size=20m', disk.path]);
    expect(await create()).toMatchObject({ code: 0, stderr: '' });
    expect(await bundle('verify', output)).toMatchObject({ code: 0, stderr: '' });
  });

  it('of the cache names the images that did not fit, and the import continues with more space', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    await using disk = await smallDisk('20m');
    await using inside = await Layover.start({
      config: cacheConfig(hub(), { proxy: { offline: true } }),
      dataDirectory: join(disk.path, 'data'),
    });
    const filler = join(disk.path, 'filler');
    await writeFile(filler, '');
    const { stdout } = await run('df', ['--output=avail', '-B1', disk.path]);
    await writeFile(filler, Buffer.alloc(Number(stdout.split('\n')[1]) - 200_000));
    const full = await bundle('import', scene.path('usb'), inside.configFile);
    expect(full).toMatchObject({ code: 1, stderr: expect.stringContaining('storage is full') });
    expect(await pull(`${inside.url}/v2/library/multi/manifests/1`)).toMatchObject({ status: 404 });
    await rm(filler);
    expect(await bundle('import', scene.path('usb'), inside.configFile)).toMatchObject({ code: 0, stderr: '' });
    expect(await pull(`${inside.url}/v2/library/multi/manifests/1`)).toMatchObject({ digest: multi.digest });
    await expectNothingBroken(inside);
  });
});

describe('a bundle', () => {
  it('whose writing was interrupted continues with the bytes of each blob that are there', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    const [layer = ''] = amd64.layers;
    const file = scene.path(`usb/${blobPath(layer)}`);
    const bytes = await readFile(file);
    const partial = scene.path(`usb/.layover-partial/${layer.replace(':', '-')}`);
    for (const there of [bytes.subarray(0, 100_000), Buffer.alloc(100_000, 'x'), Buffer.alloc(bytes.length + 1)]) {
      await rm(file);
      await run('mkdir', ['-p', scene.path('usb/.layover-partial')]);
      await writeFile(partial, there);
      expect(await scene.create('usb')).toMatchObject({ code: 0, stderr: '' });
      expect((await readFile(file)).equals(bytes)).toBe(true);
      await expect(stat(partial)).rejects.toThrow('ENOENT');
    }
  });

  it('is imported while clients pull it: each image as a whole, or not at all', async () => {
    await using scene = await startScene();
    await scene.create('usb.tar');
    await using inside = await startOffline();
    let isDone = false;
    const importing = bundle('import', scene.path('usb.tar'), inside.configFile).finally(() => (isDone = true));
    const seen = new Set<number>();
    while (!isDone) {
      const pulled = await pull(`${inside.url}/v2/library/multi/manifests/1`);
      seen.add(pulled.status);
      if (pulled.status !== 200) continue;
      for (const digest of amd64.layers) {
        expect(await pullBlob(inside, 'library/multi', digest)).toMatchObject({ complete: true, digest });
      }
    }
    expect(await importing).toMatchObject({ code: 0, stderr: '' });
    expect([...seen].every((status) => status === 200 || status === 404)).toBe(true);
    expect(await pull(`${inside.url}/v2/library/multi/manifests/1`)).toMatchObject({ digest: multi.digest });
    await expectNothingBroken(inside);
  });

  it('is imported once when it is imported twice at a time, and its content is not written again', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    await scene.create('usb.tar');
    await using inside = await startOffline();
    const results = await Promise.all([
      bundle('import', scene.path('usb'), inside.configFile),
      bundle('import', scene.path('usb'), inside.configFile),
    ]);
    expect(results.map(({ code }) => code)).toEqual([0, 0]);
    await inside.restart();
    expect(await bundle('import', scene.path('usb.tar'), inside.configFile)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 of 2 images imported, 0 B written'),
    });
  });
});

describe('a hostile bundle', () => {
  it('with another lock is refused: damaged, or for a tag that is none, which would be a pattern of pins', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    await using inside = await startInside();
    const path = scene.path('usb/layover/images.lock.yaml');
    const lock = await readFile(path, 'utf8');
    const refusalOf = async (changed: string) => {
      await writeFile(path, changed);
      return bundle('import', scene.path('usb'), inside.configFile);
    };
    const renamed = await refusalOf(lock.replace('single:v1', 'single:v2'));
    expect(renamed).toMatchObject({ code: 1, stderr: expect.stringContaining('images.lock.yaml is damaged') });

    const forged = lock.replace(`tag: ${signatureTag}`, 'tag: "**\\n"');
    expect(forged).not.toBe(lock);
    await writeFile(path, forged);
    await resum(scene.path('usb'));
    const pinning = await refusalOf(forged);
    expect(pinning).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the tag of an attachment is not a tag'),
    });
    expect(await inside.visibleBlobs()).toEqual([]);
  });

  it('that lies about sizes, or has links and devices, is refused, and nothing outside is read', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    await using inside = await startInside();
    await writeFile(scene.path('secret'), 'secret');
    const file = (path: string, bytes: Buffer, size = bytes.length) =>
      Buffer.concat([tarHeader(path, size), bytes, Buffer.alloc(tarPadding(bytes.length))]);
    const hostile = {
      'a file that is larger than the archive': file('oci-layout', Buffer.from('x'), 2 ** 40),
      'the same file twice': Buffer.concat([
        file('oci-layout', Buffer.from('a')),
        file('oci-layout', Buffer.from('b')),
      ]),
      'a file above it': file('blobs/../../secret', Buffer.from('x')),
      'an absolute path': file('/etc/passwd', Buffer.from('x')),
      'no tar at all': Buffer.alloc(4096, 'x'),
      'an endless header': Buffer.concat([tarHeader(`blobs/${'a'.repeat(300)}`, 1).subarray(0, 1024)]),
    };
    for (const [name, bytes] of Object.entries(hostile)) {
      await writeFile(scene.path('bad.tar'), bytes);
      const refused = await bundle('import', scene.path('bad.tar'), inside.configFile);
      expect([name, refused.code, refused.stderr.length > 0]).toEqual([name, 1, true]);
      expect(refused.stderr).toMatch(/^layover: .*bad\.tar: (refused|not a tar archive|the archive is damaged)/);
    }
    const [layer = ''] = single.layers;
    const blob = scene.path(`usb/${blobPath(layer)}`);
    await rm(blob);
    await symlink(scene.path('secret'), blob);
    const linked = await bundle('import', scene.path('usb'), inside.configFile);
    expect(linked).toMatchObject({ code: 1, stderr: expect.stringContaining(`${layer} has 6 bytes`) });
    await rm(blob);
    await symlink('/dev/zero', blob);
    expect((await bundle('import', scene.path('usb'), inside.configFile)).stderr).toContain('is not a file');
    await truncate(scene.path('usb/layover/bundle.json'), 5);
    expect((await bundle('import', scene.path('usb'), inside.configFile)).stderr).toContain('bundle.json is damaged');
    await expectNothingBroken(inside);
  });
});
