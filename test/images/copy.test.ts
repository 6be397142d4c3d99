import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ManifestDescriptor } from '../../src/oci/descriptor.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { Images } from '../support/images.ts';
import { runProgram } from '../support/processes.ts';
import { findProgram, programEnvironment } from '../support/programs.ts';
import { blobAt, damagedBlobs, filesBelow, manifestAt, startScene } from './image-scene.ts';

const images = new Images();
const index = images.addIndex('team/app', '1.0', { layers: [300_000, 2_000_000] });
const single = images.addImage('team/single', 'v1', { layers: [100_000], family: 'docker' });
const skopeo = await findProgram('skopeo');
const podman = await findProgram('podman');

let scene: Awaited<ReturnType<typeof startScene>>;
beforeAll(async () => {
  scene = await startScene(images);
});
afterAll(() => scene[Symbol.asyncDispose]());

async function entriesOf(layout: string): Promise<ManifestDescriptor[]> {
  const text = await readFile(join(scene.path, layout, 'index.json'), 'utf8');
  return (JSON.parse(text) as { manifests: ManifestDescriptor[] }).manifests;
}

describe('layover image copy', () => {
  it('copies an index with all of its platforms, byte for byte, and prints its digest', async () => {
    const { from, to, toUrl, image } = scene;
    const { code, stdout, stderr } = await image(['copy', `${from}/team/app:1.0`, `docker://${to}/mirror/app:new`]);
    expect([code, stdout]).toEqual([0, `${index.digest}\n`]);
    expect(stderr).toContain('3 manifests, 8 blobs');
    expect(await manifestAt(toUrl, 'mirror/app', 'new')).toEqual(index.bytes);
    for (const { digest, bytes, layers } of Object.values(index.images)) {
      expect(await manifestAt(toUrl, 'mirror/app', digest)).toEqual(bytes);
      for (const layer of layers) {
        const expected = Buffer.concat([...(images.blobs.get(layer)?.read() ?? [])]);
        expect((await blobAt(toUrl, 'mirror/app', layer))?.equals(expected)).toBe(true);
      }
    }
  });

  it('sends nothing that is there already, and mounts what another repository of the registry has', async () => {
    const { from, to, image } = scene;
    await image(['copy', `${from}/team/app:1.0`, `${to}/twice/app:1`]);
    const again = await image(['copy', `${from}/team/app:1.0`, `${to}/twice/app:2`]);
    expect(again.stderr.match(/already present/g)).toHaveLength(8);
    const mounted = await image(['copy', `${to}/twice/app:1`, `${to}/mounted/app:1`]);
    expect(mounted.code).toBe(0);
    expect(mounted.stderr.match(/mounted/g)).toHaveLength(8 + 1);
  });

  it('does not change manifests of docker', async () => {
    const { from, to, toUrl, image } = scene;
    expect((await image(['copy', '-q', `${from}/team/single:v1`, `${to}/single:v1`])).stderr).toBe('');
    expect(await manifestAt(toUrl, 'single', 'v1')).toEqual(single.bytes);
  });

  it('copies one platform as that image, and several as a smaller index', async () => {
    const { from, to, toUrl, image } = scene;
    const source = `${from}/team/app:1.0`;
    const one = await image(['copy', '-q', '--platform', 'linux/arm64', source, `${to}/narrow:one`]);
    expect(one.stdout).toBe(`${index.images.arm64.digest}\n`);
    expect(await manifestAt(toUrl, 'narrow', 'one')).toEqual(index.images.arm64.bytes);
    const both = ['--platform', 'linux/amd64', '--platform', 'linux/arm64/v8'];
    await image(['copy', '-q', ...both, source, `${to}/narrow:both`]);
    const copied = JSON.parse(String(await manifestAt(toUrl, 'narrow', 'both'))) as { manifests: unknown[] };
    expect(copied.manifests).toHaveLength(2);
    const none = await image(['copy', '-q', '--platform', 'windows/amd64', source, `${to}/narrow:none`]);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('no image for windows/amd64; it contains linux/amd64, linux/arm64');
    const wrong = await image(['copy', '--platform', 's390x/linux', `${from}/team/single:v1`, `${to}/narrow:none`]);
    expect(wrong.stderr).toMatch(/is for linux\/\w+ and not for s390x\/linux/);
    expect(await manifestAt(toUrl, 'narrow', 'none')).toBeUndefined();
  });

  it('copies by digest, and only to a tag of the same manifest', async () => {
    const { from, to, image } = scene;
    const { digest } = index.images.amd64;
    const copied = await image(['copy', '-q', `${from}/team/app@${digest}`, `${to}/by/digest@${digest}`]);
    expect([copied.code, copied.stdout]).toEqual([0, `${digest}\n`]);
    const other = await image(['copy', '-q', `${from}/team/app:1.0`, `${to}/by/digest@${digest}`]);
    expect(other).toMatchObject({ code: 1, stdout: '' });
    expect(other.stderr).toContain(index.digest);
  });

  it('reports in one line what is missing', async () => {
    const { from, to, image } = scene;
    const { code, stderr } = await image(['copy', `${from}/team/app:absent`, `${to}/a:b`]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^layover: .*404.*MANIFEST_UNKNOWN.*\n$/);
    expect((await image(['copy', 'oci:nowhere', `${to}/a:b`])).stderr).toBe('layover: nowhere: no such directory\n');
    expect((await image(['copy', `${from}/Team/app:1`, `${to}/a:b`])).stderr).toContain(
      'Team/app is not a repository name',
    );
  });
});

describe('layouts and archives', () => {
  it('are pulled, contain each name once, and are pushed again unchanged', async () => {
    const { from, to, toUrl, path, image } = scene;
    expect((await image(['pull', '-q', `${from}/team/app:1.0`, '-o', 'oci:layout'])).stdout).toBe(`${index.digest}\n`);
    await image(['pull', '-q', `${from}/team/single:v1`, '-o', 'oci:layout:other']);
    await image(['pull', '-q', `${from}/team/single:v1`, '-o', 'oci:layout:other']);
    expect((await entriesOf('layout')).map(({ digest }) => digest)).toEqual([index.digest, single.digest]);
    expect(await damagedBlobs(join(path, 'layout'))).toEqual([]);
    expect((await filesBelow(join(path, 'layout'))).filter((name) => !name.startsWith('blobs/'))).toEqual([
      'index.json',
      'oci-layout',
    ]);
    expect(await image(['push', '-q', 'layout', `${to}/pushed:1`])).toMatchObject({ code: 1 });
    expect(await image(['push', '-q', 'layout', `${to}/pushed:1`, '--source', '1.0'])).toMatchObject({ code: 0 });
    expect(await manifestAt(toUrl, 'pushed', '1')).toEqual(index.bytes);
  });

  it('an archive is the same each time, is not overwritten, and is pushed unchanged', async () => {
    const { from, to, toUrl, path, image } = scene;
    for (const name of ['a.tar', 'b.tar']) await image(['pull', '-q', `${from}/team/app:1.0`, '--output', name]);
    const [a, b] = await Promise.all(['a.tar', 'b.tar'].map((name) => readFile(join(path, name))));
    expect(a?.equals(b ?? Buffer.of())).toBe(true);
    const again = await image(['pull', '-q', `${from}/team/single:v1`, '--output', 'a.tar']);
    expect(again.stderr).toContain('already exists');
    expect((await readFile(join(path, 'a.tar'))).equals(a ?? Buffer.of())).toBe(true);
    await image(['push', '-q', 'a.tar', `${to}/from-archive:1`]);
    expect(await manifestAt(toUrl, 'from-archive', '1')).toEqual(index.bytes);
    expect((await image(['copy', '-q', 'oci-archive:a.tar:1.0', 'oci:unpacked'])).code).toBe(0);
    expect(await damagedBlobs(join(path, 'unpacked'))).toEqual([]);
  });

  it.skipIf(!skopeo)('are read by skopeo, and skopeo writes what is read here (skopeo is not installed)', async () => {
    const { from, to, toUrl, path, image } = scene;
    await image(['pull', '-q', `${from}/team/app:1.0`, '-o', 'oci:for-skopeo']);
    await image(['pull', '-q', `${from}/team/app:1.0`, '-o', 'for-skopeo.tar']);
    const options = { cwd: path, env: programEnvironment() };
    for (const source of ['oci:for-skopeo:1.0', 'oci-archive:for-skopeo.tar:1.0']) {
      const target = `dir:${source.replaceAll(/\W/g, '')}`;
      await runProgram(skopeo ?? '', ['copy', '--all', '--insecure-policy', source, target], options);
    }
    await runProgram(
      skopeo ?? '',
      ['copy', '--all', '--insecure-policy', 'oci:for-skopeo:1.0', 'oci:by-skopeo:x'],
      options,
    );
    expect((await image(['push', '-q', 'by-skopeo', `${to}/by-skopeo:1`])).code).toBe(0);
    // It compresses layers, so these are manifests of its own.
    const [entry] = await entriesOf('by-skopeo');
    expect(digestOf((await manifestAt(toUrl, 'by-skopeo', '1')) ?? Buffer.of())).toBe(entry?.digest);
  });

  it.skipIf(!skopeo)(
    'an archive of docker becomes an image that can be pulled (skopeo, which writes one, is not installed)',
    async () => {
      const { from, to, path, image } = scene;
      await image(['pull', '-q', `${from}/team/single:v1`, '-o', 'single.tar']);
      const options = { cwd: path, env: programEnvironment() };
      const copy = (a: string, b: string) =>
        runProgram(skopeo ?? '', ['copy', '--insecure-policy', '--src-tls-verify=false', a, b], options);
      await copy('oci-archive:single.tar', 'docker-archive:saved.tar:team/single:v1');
      expect((await image(['push', '-q', 'saved.tar', `${to}/saved:1`])).code).toBe(0);
      expect((await image(['copy', '-q', 'docker-archive:saved.tar:team/single:v1', 'oci:saved'])).code).toBe(0);
      expect((await entriesOf('saved'))[0]?.annotations).toMatchObject({ 'org.opencontainers.image.ref.name': 'v1' });
      await copy(`docker://${to}/saved:1`, 'dir:saved-again');
      const other = await image(['copy', '-q', 'docker-archive:saved.tar:other:v1', 'oci:saved']);
      expect(other.stderr).toContain('no other:v1; it contains docker.io/team/single:v1');
    },
  );

  it.skipIf(!podman)('an archive is loaded by podman (which is not installed)', async () => {
    const { from, path, image } = scene;
    await image(['pull', '-q', `${from}/team/single:v1`, '-o', 'oci-archive:for-podman.tar:example.org/app:v1']);
    const store = ['--root', join(path, 'podman'), '--runroot', join(path, 'podman-run'), '--storage-driver', 'vfs'];
    const { stdout } = await runProgram(podman ?? '', [...store, 'load', '--input', join(path, 'for-podman.tar')], {
      env: programEnvironment(),
    });
    expect(stdout).toContain('example.org/app:v1');
  });

  it('a directory with other files is refused', async () => {
    const { from, path, image } = scene;
    await writeFile(join(path, 'file'), 'x');
    const { code, stderr } = await image(['pull', '-q', `${from}/team/single:v1`, '-o', 'oci:file/below']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('ENOTDIR')]);
    expect((await stat(join(path, 'file'))).size).toBe(1);
  });
});
