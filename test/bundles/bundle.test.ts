import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { formatLock, type LockedImage } from '../../src/lists/lock-file.ts';
import { pull } from '../integration/pulling.ts';
import { expectNothingBroken } from '../integration/stored-data.ts';
import { cacheCommand } from '../retention/command.ts';
import { pullBlob } from '../retention/expiring-cache.ts';
import { runProgram } from '../support/processes.ts';
import { findProgram, programEnvironment } from '../support/programs.ts';
import { runLayover } from '../support/run-layover.ts';
import {
  amd64,
  arm64,
  blobPath,
  bundle,
  bundleScenes,
  locked,
  multi,
  resum,
  sbom,
  signature,
  signatureTag,
  single,
} from './scene.ts';

const { startInside, startScene } = bundleScenes();

const skopeo = await findProgram('skopeo');

async function filesOf(directory: string): Promise<Record<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const read = async (file: string) => [file.slice(directory.length + 1), await readFile(file, 'latin1')] as const;
  return Object.fromEntries(await Promise.all(files.map(read)));
}

describe('layover bundle', () => {
  it('carries locked images to a cache without a network, where they pull under their names', async () => {
    await using scene = await startScene();
    const created = await scene.create('usb');
    expect(created).toMatchObject({ code: 0, stderr: '' });
    expect(created.stdout).toMatch(/usb: bundle [0-9a-f]{12}, 2 of 2 images, [\d.]+ KiB\n$/);
    expect((await bundle('verify', scene.path('usb'))).stdout).toMatch(
      /usb: bundle [0-9a-f]{12}, 2 images complete, [\d.]+ KiB read\n$/,
    );
    await using inside = await startInside();
    expect(await bundle('import', scene.path('usb'), inside.configFile)).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^bundle [0-9a-f]{12}: 2 of 2 images imported, [\d.]+ KiB written\n$/),
    });
    await expectNothingBroken(inside);
    const check = ['check', scene.path('lock.yaml'), '--referrers', '--read', inside.configFile];
    expect(await runLayover(check)).toMatchObject({ code: 0, stdout: '2 of 2 pull offline\n' });
    const pins = await cacheCommand(inside, 'cache', 'pins');
    expect(pins.stdout).toContain('docker.io/library/multi:1');
    await inside.restart();
    const pulled = await pull(`${inside.url}/v2/library/multi/manifests/1?ns=docker.io`);
    expect(pulled).toMatchObject({ status: 200, digest: multi.digest });
    for (const digest of [amd64.config, ...amd64.layers])
      expect(await pullBlob(inside, 'library/multi', digest)).toMatchObject({ complete: true, digest });
    const attached = await pull(`${inside.url}/v2/library/single/manifests/${signatureTag}`);
    expect(attached).toMatchObject({ status: 200, digest: signature.digest });
    const referrers = await fetch(`${inside.url}/v2/library/single/referrers/${single.digest}`);
    expect(await referrers.json()).toMatchObject({ manifests: [{ digest: sbom.digest }] });
    expect(await pull(`${inside.url}/v2/library/multi/manifests/${arm64.digest}`)).toMatchObject({ status: 404 });
  });

  it('is the same for the same lock, is read by other programs, and resumes', async () => {
    await using scene = await startScene();
    await scene.create('one');
    await scene.create('two');
    const files = await filesOf(scene.path('one'));
    expect(await filesOf(scene.path('two'))).toEqual(files);
    expect(
      Object.keys(files)
        .filter((name) => !name.startsWith('blobs/'))
        .sort(),
    ).toEqual(['index.json', 'layover/SHA256SUMS', 'layover/bundle.json', 'layover/images.lock.yaml', 'oci-layout']);
    const sums = ['-c', '--quiet', 'layover/SHA256SUMS'];
    expect(await runProgram('sha256sum', sums, { cwd: scene.path('one') })).toEqual({ stdout: '', stderr: '' });
    if (skopeo) {
      const source = `oci:${scene.path('one')}:docker.io/library/single:v1`;
      const { stdout } = await runProgram(skopeo, ['inspect', '--raw', source], { env: programEnvironment() });
      expect(stdout).toBe(single.bytes.toString());
    }
    const [layer = ''] = amd64.layers;
    await rm(scene.path(`one/${blobPath(layer)}`));
    await rm(scene.path('one/index.json'));
    await rm(scene.path('one/oci-layout'));
    for (const name of await readdir(scene.path('one/layover'))) await rm(scene.path(`one/layover/${name}`));
    expect(await scene.create('one')).toMatchObject({ code: 0 });
    expect(await filesOf(scene.path('one'))).toEqual(files);
  });

  it('names an image that is not complete, and has the others', async () => {
    await using scene = await startScene();
    const other = { ...locked[0], digest: multi.digest, manifests: [{ digest: arm64.digest }] } as LockedImage;
    const gone = { ...locked[0], name: 'quay.example/app:1' } as LockedImage;
    const text = formatLock({ platforms: [], images: [other, gone, ...locked.slice(1)] });
    await writeFile(scene.path('lock.yaml'), text);
    const created = await scene.create('usb');
    expect(created).toMatchObject({ code: 1, stdout: expect.stringContaining(', 1 of 3 images') });
    expect(created.stderr).toContain(`docker.io/library/multi:1: manifest ${arm64.digest} is not stored`);
    expect(created.stderr).toContain('quay.example/app:1: manifest');
    expect(await bundle('verify', scene.path('usb'))).toMatchObject({ code: 0 });
    await writeFile(scene.path('other'), 'text');
    expect(await scene.create('.')).toMatchObject({ code: 1, stderr: expect.stringContaining('has other content') });
  });

  it('in the directory of an earlier one has nothing of that left', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    const text = formatLock({ platforms: [], images: locked.slice(0, 1) });
    await writeFile(scene.path('lock.yaml'), text);
    expect(await scene.create('usb')).toMatchObject({ code: 0, stderr: '' });
    expect(await scene.create('new')).toMatchObject({ code: 0, stderr: '' });
    expect(await filesOf(scene.path('usb'))).toEqual(await filesOf(scene.path('new')));
    await rm(scene.path('usb/layover'), { recursive: true });
    const before = await scene.layover.visibleBlobs();
    for (const output of [scene.path('usb'), scene.layover.dataDirectory])
      expect(await scene.create('', '-o', output)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('has other content'),
      });
    expect(await scene.layover.visibleBlobs()).toEqual(before);
  });

  it('is made of one lock', async () => {
    await using scene = await startScene();
    const twice = await scene.create('usb', '--from', scene.path('lock.yaml'));
    expect(twice).toMatchObject({ code: 1, stderr: expect.stringContaining('Give one lock') });
    expect((await bundle('create', '--help')).stdout).not.toContain('default: []');
  });

  it('with damaged or missing parts is found by verify, and import stores only intact images', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    const [, layer = ''] = single.layers;
    const file = scene.path(`usb/${blobPath(layer)}`);
    const bytes = await readFile(file);
    for (const damaged of [bytes.subarray(1), Buffer.from(bytes).fill(0, 500, 600), undefined]) {
      await (damaged ? writeFile(file, damaged) : rm(file));
      const verified = await bundle('verify', scene.path('usb'));
      expect(verified).toMatchObject({ code: 1, stdout: '' });
      expect(verified.stderr).toContain(blobPath(layer));
      await using inside = await startInside();
      const imported = await bundle('import', scene.path('usb'), inside.configFile);
      expect(imported).toMatchObject({ code: 1, stdout: expect.stringContaining('1 of 2 images imported') });
      expect(imported.stderr).toMatch(/^layover: docker\.io\/library\/single:v1: /);
      await expectNothingBroken(inside);
      const check = await runLayover(['check', scene.path('lock.yaml'), inside.configFile]);
      expect(check.stdout).toContain('the tag v1 is not stored');
      await writeFile(file, bytes);
      expect(await bundle('import', scene.path('usb'), inside.configFile)).toMatchObject({ code: 0 });
    }
  });

  it('without an attachment or a platform that is locked is refused for that image', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    const index = scene.path('usb/index.json');
    const { manifests, ...rest } = JSON.parse(await readFile(index, 'utf8')) as { manifests: { digest: string }[] };
    await writeFile(
      index,
      JSON.stringify({ ...rest, manifests: manifests.filter(({ digest }) => digest !== sbom.digest) }),
    );
    const lock = scene.path('usb/layover/images.lock.yaml');
    await writeFile(lock, (await readFile(lock, 'utf8')).replace(amd64.digest, single.digest));
    await resum(scene.path('usb'));
    await using inside = await startInside();
    for (const result of [
      await bundle('verify', scene.path('usb')),
      await bundle('import', scene.path('usb'), inside.configFile),
    ]) {
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(new RegExp(`docker.io/library/multi:1: .*${single.digest} is missing`));
      expect(result.stderr).toMatch(new RegExp(`docker.io/library/single:v1: .*${sbom.digest} is missing`));
    }
    expect(await inside.visibleBlobs()).toEqual([]);
  });

  it('is imported from a tar file, twice', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    await runProgram('tar', ['-C', scene.path('usb'), '-cf', scene.path('usb.tar'), '.']);
    await using inside = await startInside();
    expect(await bundle('verify', scene.path('usb.tar'))).toMatchObject({ code: 0 });
    for (let i = 0; i < 2; i++) {
      const imported = await bundle('import', scene.path('usb.tar'), inside.configFile, '--no-pin');
      expect(imported).toMatchObject({ code: 0, stderr: '' });
    }
    expect((await cacheCommand(inside, 'cache', 'pins')).stdout).toBe('no pins\n');
  });

  it('that is hostile is refused, and nothing is stored', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    await using inside = await startInside();
    const lock = scene.path('usb/layover/images.lock.yaml');
    const text = await readFile(lock, 'utf8');
    await writeFile(lock, text.replace(single.digest, multi.digest).replace('layoverLock: 1', 'layoverLock: 9'));
    await resum(scene.path('usb'));
    expect((await bundle('import', scene.path('usb'), inside.configFile)).stderr).toContain('a lock of version "9"');
    await writeFile(lock, 'layoverLock: 1\nimages: []\n');
    await resum(scene.path('usb'));
    expect(await bundle('verify', scene.path('usb'))).toMatchObject({ code: 1, stdout: '' });
    await writeFile(lock, text.replaceAll('docker.io/library/single', 'docker.io/../../etc'));
    await resum(scene.path('usb'));
    const traversal = await bundle('import', scene.path('usb'), inside.configFile);
    expect(traversal).toMatchObject({ code: 1, stderr: expect.stringContaining('docker.io/../../etc') });
    await writeFile(scene.path('usb/layover/SHA256SUMS'), `${'0'.repeat(64)}  ../../../etc/passwd\n`);
    expect((await bundle('verify', scene.path('usb'))).stderr).toContain('refused, SHA256SUMS has');
    await using empty = await startInside();
    for (const args of [
      ['-P', '--transform', 's,^usb/oci-layout,../outside,', 'usb'],
      ['usb', '/dev/null'],
    ]) {
      await runProgram('tar', ['-cf', scene.path('bad.tar'), '-P', '-C', scene.path('.'), ...args]);
      const refused = await bundle('import', scene.path('bad.tar'), empty.configFile);
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('refused') });
    }
    expect(await empty.visibleBlobs()).toEqual([]);
    expect(await bundle('import', scene.path('lock.yaml'), empty.configFile)).toMatchObject({ code: 1 });
  });

  it('with a recalled image brings the others only, to a running and to a stopped cache', async () => {
    await using scene = await startScene();
    await scene.create('usb');
    await using inside = await startInside();
    const recall = (...args: readonly string[]) => runLayover(['recall', ...args, '--config', inside.configFile]);
    expect(await recall(single.digest, '--reason', 'stolen key')).toMatchObject({ code: 0 });
    for (const isRunning of [false, true]) {
      if (isRunning) await inside.restart();
      const imported = await bundle('import', scene.path('usb'), inside.configFile);
      expect(imported).toMatchObject({ code: 1, stdout: expect.stringContaining('1 of 2 images imported') });
      expect(imported.stderr).toContain(`docker.io/library/single@${single.digest} is denied: stolen key`);
    }
    const statusOf = async (name: string, tag: string) =>
      (await pull(`${inside.url}/v2/library/${name}/manifests/${tag}?ns=docker.io`)).status;
    expect([await statusOf('multi', '1'), await statusOf('single', single.digest)]).toEqual([200, 403]);
    await expectNothingBroken(inside);
  });
});
