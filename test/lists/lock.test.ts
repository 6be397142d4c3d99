import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { parseLock } from '../../src/lists/lock-file.ts';
import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { runLayover, type RunOptions } from '../support/run-layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

function someImages() {
  const images = new Images();
  const app = images.addIndex('team/app', '1', { layers: [4096] });
  const single = images.addImage('team/single', 'v1', { layers: [8192] });
  const signature = images.addImage('team/app', `${app.digest.replace(':', '-')}.sig`, { layers: [4096], seed: 'sig' });
  const sbom = images.addArtifact('team/app', app.images.amd64, 'application/example.sbom', 'parts');
  return { images, app, single, signature, sbom };
}

async function startScene(images: Images) {
  const hub = await Hub.start(images, { challenge: 'none' });
  const directory = await temporaryDirectory();
  const env = { DOCKER_CONFIG: join(directory.path, 'none'), XDG_RUNTIME_DIR: join(directory.path, 'none') };
  return {
    hub,
    host: `127.0.0.1:${hub.port}`,
    write: (name: string, text: string) => writeFile(join(directory.path, name), text),
    read: (name: string) => readFile(join(directory.path, name), 'utf8'),
    files: () => readdir(directory.path),
    mkdir: (name: string) => mkdir(join(directory.path, name)),
    lock: (args: readonly string[], options: RunOptions = {}) =>
      runLayover(['lock', ...args], { cwd: directory.path, env, ...options }),
    async [Symbol.asyncDispose]() {
      await hub[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

describe('layover lock', () => {
  it('has digests, platforms, attachments and sizes of the images of every list, each once and sorted', async () => {
    const { images, app, single, signature, sbom } = someImages();
    await using scene = await startScene(images);
    const { host, lock, read, write } = scene;
    await write('images.txt', `${host}/team/single:v1\n${host}/team/app:1\n`);
    await scene.mkdir('k8s');
    await write('k8s/pod.yaml', `kind: Pod\nspec: {containers: [{image: "${host}/team/app:1"}]}`);
    await write('k8s/notes.md', 'image: nothing');
    const result = await lock(['images.txt', 'k8s', '-o', 'images.lock.yaml']);
    expect(result).toMatchObject({ code: 0, stdout: '', stderr: expect.stringMatching(/^2 images, [\d.]+ KiB\n$/) });
    const text = await read('images.lock.yaml');
    const { amd64, arm64 } = app.images;
    expect(parseLock(text, 'lock')).toEqual({
      platforms: [],
      images: [
        {
          name: `${host}/team/app:1`,
          digest: app.digest,
          size: expect.any(Number),
          manifests: [
            { digest: amd64.digest, platform: 'linux/amd64' },
            { digest: arm64.digest, platform: 'linux/arm64' },
          ],
          attachments: [
            { digest: signature.digest, tag: `${app.digest.replace(':', '-')}.sig` },
            { digest: sbom.digest, type: 'application/example.sbom' },
          ].toSorted((a, b) => (a.digest < b.digest ? -1 : 1)),
        },
        {
          name: `${host}/team/single:v1`,
          digest: single.digest,
          size: [single.config, ...single.layers].reduce(
            (sum, digest) => sum + sizeOf(images, digest),
            single.bytes.length,
          ),
          manifests: [],
          attachments: [],
        },
      ],
    });
    expect(await lock(['k8s', 'images.txt'])).toMatchObject({ code: 0, stdout: text });
    // Nothing but manifests is requested.
    expect(scene.hub.requests.counts()).not.toHaveProperty('blob-get');
  });

  it('has only the platforms that are requested, and keeps them when it is written again', async () => {
    const { images, app, sbom } = someImages();
    await using scene = await startScene(images);
    const { host, lock, read } = scene;
    const list = { stdin: `${host}/team/app:1` };
    expect((await lock(['-', '--platform', 'linux/arm64', '-o', 'a.yaml'], list)).code).toBe(0);
    const { platforms, images: locked } = parseLock(await read('a.yaml'), 'lock');
    expect(platforms).toEqual(['linux/arm64']);
    expect(locked).toMatchObject([
      { digest: app.digest, manifests: [{ digest: app.images.arm64.digest, platform: 'linux/arm64' }] },
    ]);
    expect(locked[0]?.attachments.map(({ digest }) => digest)).not.toContain(sbom.digest);
    const before = await read('a.yaml');
    expect((await lock(['a.yaml', '-o', 'a.yaml'])).code).toBe(0);
    expect(await read('a.yaml')).toBe(before);
    const none = await lock(['-', '--platform', 'windows/amd64'], list);
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('no image for windows/amd64') });
  });

  it('names an image that cannot be found, locks the others, and loses none that was locked before', async () => {
    const { images, app, single } = someImages();
    await using scene = await startScene(images);
    const { host, hub, lock, read } = scene;
    const list = { stdin: `${host}/team/app:1\n${host}/team/gone:1\n${host}/team/single:v1\nNot_A/Name:x y\n` };
    const first = await lock(['-', '-o', 'a.yaml'], list);
    expect(first.code).toBe(1);
    expect(first.stderr).toMatch(/^layover: standard input: line 4: more than one word/);
    expect(first.stderr).toContain(`layover: ${host}/team/gone:1 (standard input: line 2): `);
    const digests = async () => parseLock(await read('a.yaml'), 'lock').images.map(({ digest }) => digest);
    expect(await digests()).toEqual([app.digest, single.digest]);
    hub.faults.fail(['manifest-get', 'manifest-head'], { status: 500 });
    expect((await lock(['-', '-o', 'a.yaml'], list)).code).toBe(1);
    expect(await digests()).toEqual([app.digest, single.digest]);
    expect(await scene.files()).toEqual(['a.yaml']);
  });

  it('with --locked refuses another digest, an image that is not locked, and one that is in no list', async () => {
    const { images, app, single } = someImages();
    await using scene = await startScene(images);
    const { host, hub, lock, read } = scene;
    const list = { stdin: `${host}/team/app:1\n` };
    expect((await lock(['-', '--locked'], list)).stderr).toContain('--locked needs the lock');
    expect((await lock(['-', '--locked', '-o', 'a.yaml'], list)).stderr).toBe('layover: a.yaml: no such file\n');
    await lock(['-', '-o', 'a.yaml'], list);
    const before = await read('a.yaml');
    const same = await lock(['-', '--locked', '-o', 'a.yaml'], list);
    expect(same).toMatchObject({ code: 0, stdout: '', stderr: '1 image as in a.yaml\n' });
    hub.setTag('team/app', '1', app.images.amd64.digest);
    const moved = await lock(['-', '--locked', '-o', 'a.yaml'], list);
    const message = `is ${app.images.amd64.digest} and not the locked ${app.digest}`;
    expect(moved).toMatchObject({ code: 1, stderr: `layover: ${host}/team/app:1: ${message}\n` });
    const other = await lock(['-', '--locked', '-o', 'a.yaml'], { stdin: `${host}/team/single@${single.digest}` });
    expect(other).toMatchObject({ code: 1 });
    expect(other.stderr).toContain(`${host}/team/single@${single.digest}: is not in the lock`);
    expect(other.stderr).toContain(`${host}/team/app:1: is in the lock and in no list`);
    expect(await read('a.yaml')).toBe(before);
  });

  it('reports lists that cannot be read, and text that would control the terminal', async () => {
    await using scene = await startScene(new Images());
    const { lock, write } = scene;
    expect((await lock(['nowhere.txt'])).stderr).toBe('layover: nowhere.txt: no such file or directory\n');
    expect((await lock(['-'])).stderr).toBe('layover: -: contains no images\n');
    await write('large.yaml', ' '.repeat(17 * 1024 * 1024));
    expect((await lock(['large.yaml'])).stderr).toContain('large.yaml: refused, it has 17825792 bytes');
    await write('bad.lock.yaml', 'layoverLock: 2\nimages: []\n');
    expect((await lock(['-', '-o', 'bad.lock.yaml'], { stdin: 'alpine' })).stderr).toContain('a lock of version "2"');
    const hostile = await lock(['-'], { stdin: 'a\u001b[2Jb:1\n' });
    expect(hostile.code).toBe(1);
    expect(hostile.stderr).not.toContain('\u001b');
  });
});

function sizeOf(images: Images, digest: string): number {
  return images.blobs.get(digest as never)?.size ?? 0;
}
