import { copyFile, mkdir, open, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { cutVolumes } from '../../src/bundles/cut-volumes.ts';
import { OCTET_STREAM } from '../../src/oci/descriptor.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { pull } from '../integration/pulling.ts';
import { expectNothingBroken } from '../integration/stored-data.ts';
import { runProgram } from '../support/processes.ts';
import { runLayover } from '../support/run-layover.ts';
import { bundle, bundleScenes, multi } from './scene.ts';

const { startInside, startOffline, startScene } = bundleScenes();

/** A scene with its images in volumes: `usb.001.tar` … */
async function startVolumes() {
  const scene = await startScene();
  const created = await scene.create('usb.tar', '--volume', '380KiB');
  expect(created).toMatchObject({ code: 0, stderr: '' });
  const volumes = created.stdout.split(': ')[0]?.split(' ') ?? [];
  expect(volumes.length).toBeGreaterThanOrEqual(2);
  for (const path of volumes) expect((await stat(path)).size).toBeLessThanOrEqual(380 * 1024);
  const [first = '', second = '', ...more] = volumes;
  return { ...scene, volumes, first, second, more, [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose]() };
}

describe('layover bundle in volumes', () => {
  it('is cut between blobs, is always the same, and unpacks to the directory', async () => {
    await using scene = await startVolumes();
    await scene.create('again.tar', '--volume', '380KiB');
    await mkdir(scene.path('all'));
    for (const volume of scene.volumes) await runProgram('tar', ['-C', scene.path('all'), '-xf', volume]);
    const sums = ['-c', '--quiet', 'layover/SHA256SUMS'];
    expect(await runProgram('sha256sum', sums, { cwd: scene.path('all') })).toEqual({ stdout: '', stderr: '' });
    await scene.create('usb');
    for (const name of ['index.json', 'layover/images.lock.yaml'])
      expect(await readFile(scene.path(`all/${name}`), 'utf8')).toBe(await readFile(scene.path(`usb/${name}`), 'utf8'));
    expect(await bundle('verify', ...scene.volumes.toReversed())).toMatchObject({ code: 0, stderr: '' });
    const before = await readFile(scene.first);
    await rm(scene.second);
    expect(await scene.create('usb.tar', '--volume', '380KiB')).toMatchObject({ code: 0 });
    expect(await readFile(scene.first)).toEqual(before);
    const both = await bundle('verify', scene.path('.'));
    expect(both).toMatchObject({ code: 1, stderr: expect.stringContaining('is not of the same bundle as') });
    expect(await scene.create('usb.tar', '--volume', '1MiB')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('usb.001.tar: already exists'),
    });
  });

  it('is one tar file without a size, twice the same', async () => {
    await using scene = await startScene();
    expect(await scene.create('one.tar')).toMatchObject({ code: 0, stderr: '' });
    expect(await scene.create('two.tar')).toMatchObject({ code: 0 });
    expect(await readFile(scene.path('one.tar'))).toEqual(await readFile(scene.path('two.tar')));
    expect(await bundle('verify', scene.path('one.tar'))).toMatchObject({ code: 0, stderr: '' });
    const strict = await scene.create('small.tar', '--volume', '100KiB', '--strict');
    expect(strict).toMatchObject({ code: 1, stderr: expect.stringContaining('fits into no volume') });
    expect(await scene.create('small.tar', '--volume', '1KiB')).toMatchObject({ code: 1 });
    expect(await scene.create('directory', '--volume', '1GiB')).toMatchObject({ code: 1 });
  });

  it('is imported one volume at a time, in any order and twice, and gets its tags with the last blob', async () => {
    await using scene = await startVolumes();
    await using inside = await startOffline();
    const [last = '', ...others] = scene.volumes;
    for (const volume of [...others.toReversed(), ...others]) {
      const imported = await bundle('import', volume, inside.configFile);
      expect(imported).toMatchObject({ code: 1, stderr: expect.stringContaining('still missing: ') });
      expect(imported.stderr).toContain('usb.001.tar');
    }
    const verified = await bundle('verify', ...others);
    expect(verified).toMatchObject({ code: 1, stderr: expect.stringMatching(/: still missing: usb\.001\.tar\n$/) });
    expect(await bundle('import', last, inside.configFile)).toMatchObject({ code: 0, stderr: '' });
    expect(
      await runLayover(['check', scene.path('lock.yaml'), '--referrers', '--read', inside.configFile]),
    ).toMatchObject({
      code: 0,
    });
    expect(await pull(`${inside.url}/v2/library/multi/manifests/1`)).toMatchObject({ digest: multi.digest });
    await expectNothingBroken(inside);
  });

  it('that lost, damaged or swapped a volume has the images of the others', async () => {
    await using scene = await startVolumes();
    const { volumes } = scene;
    const last = volumes.at(-1) ?? '';
    const intact = scene.path('intact');
    await copyFile(last, intact);
    const faults = {
      lost: () => rm(last),
      'cut off': () => truncate(last, 100_000),
      damaged: () => overwrite(last, (fileSize) => fileSize - 30_000),
      swapped: async () => {
        await writeFile(
          scene.path('lock.yaml'),
          (await readFile(scene.path('lock.yaml'), 'utf8')).replace(
            / {2}- name: docker.io\/library\/multi[^]*(?= {2}- name)/,
            '',
          ),
        );
        await scene.create('other.tar');
        await rename(scene.path('other.tar'), last);
      },
    };
    for (const [fault, damage] of Object.entries(faults)) {
      await damage();
      await using inside = await startInside();
      const imported = await bundle('import', ...volumes, inside.configFile);
      expect([fault, imported.code]).toEqual([fault, 1]);
      expect(imported.stderr).toContain(fault === 'damaged' ? 'is damaged' : last);
      await expectNothingBroken(inside);
      await copyFile(intact, last);
      expect(await bundle('import', ...volumes, inside.configFile)).toMatchObject({ code: 0, stderr: '' });
    }
  });
});

async function overwrite(path: string, at: (fileSize: number) => number): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(Buffer.alloc(600, 'x'), 0, 600, at((await file.stat()).size));
  await file.close();
}

it('blobs are distributed in their order, and one that is too large has its own volume', () => {
  const blobs = [100, 5_000, 100, 2_000, 1_000, 1_000].map((size, i) => ({
    digest: `sha256:${String(i).repeat(64)}` as Digest,
    size,
    mediaType: OCTET_STREAM,
  }));
  const limits = { maxBytes: 5_120, fixedBytes: 512, strict: false };
  const sizes = cutVolumes(blobs, limits).map((volume) => volume.map(({ size }) => size));
  expect(sizes).toEqual([[100], [5_000], [100, 2_000], [1_000, 1_000]]);
  expect(() => cutVolumes(blobs, { ...limits, strict: true })).toThrow('fits into no volume');
  expect(() => cutVolumes(blobs, { ...limits, fixedBytes: 5_000 })).toThrow('for the manifests');
  expect(cutVolumes([], limits)).toEqual([[]]);
});
