import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { findLock } from '../../src/lists/read-files.ts';
import { cacheCommand, layoverCommand } from '../retention/command.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { ask, finish, pull } from './pulling.ts';
import { sharedHub, startCache } from './scene.ts';

const images = new Images();
const app = images.addImage('library/app', '1', { layers: [4096] });
const multi = images.addIndex('library/multi', '1', { layers: [4096] });
images.addImage('library/early', '1');
images.addImage('library/late', '1');
const hub = sharedHub(images);

const manifest = (layover: Layover, name: string, reference: string) =>
  pull(`${layover.url}/v2/library/${name}/manifests/${reference}`);

describe('layover record', () => {
  it('makes a lock of what clients pulled in between, which check accepts', async () => {
    await using layover = await startCache(hub());
    await manifest(layover, 'early', '1');
    // The record has times in milliseconds, and equal ones count.
    await expect.poll(async () => (await cacheCommand(layover, 'audit', 'pulls')).stdout).toContain('early');
    const started = await cacheCommand(layover, 'record', 'start', 'ci-42', '--client', '127.0.0.0/8');
    expect(started).toMatchObject({ code: 0, stderr: '' });
    const twice = await cacheCommand(layover, 'record', 'start', 'ci-42');
    expect(twice).toMatchObject({ code: 1, stderr: 'layover: ci-42 is being recorded\n' });

    await manifest(layover, 'app', '1');
    for (const digest of [app.config, ...app.layers]) await pull(`${layover.url}/v2/library/app/blobs/${digest}`);
    // Like containerd: the tag is resolved with HEAD, and the platform pulled from the index.
    await finish(await ask(`${layover.url}/v2/library/multi/manifests/1`, { method: 'HEAD' }));
    const { arm64 } = multi.images;
    for (const digest of [multi.digest, arm64.digest]) await manifest(layover, 'multi', digest);
    for (const digest of [arm64.config, ...arm64.layers]) await pull(`${layover.url}/v2/library/multi/blobs/${digest}`);
    await layover.settled();

    const lock = join(layover.dataDirectory, 'ci.lock.yaml');
    const stopped = await cacheCommand(layover, 'record', 'stop', 'ci-42', '--lock', lock);
    expect(stopped).toMatchObject({ code: 0, stderr: '' });
    expect(stopped.stdout).toContain('ci.lock.yaml: 2 images, ');
    expect(await findLock(lock)).toMatchObject({
      platforms: ['linux/arm64'],
      images: [
        { name: 'docker.io/library/app:1', digest: app.digest, manifests: [] },
        {
          name: 'docker.io/library/multi:1',
          digest: multi.digest,
          manifests: [{ digest: arm64.digest, platform: 'linux/arm64' }],
        },
      ],
    });
    expect(await cacheCommand(layover, 'check', lock)).toMatchObject({ code: 0, stdout: '2 of 2 pull offline\n' });
    expect(await cacheCommand(layover, 'record', 'stop', 'ci-42', '--lock', lock)).toMatchObject({ code: 1 });

    const other = join(layover.dataDirectory, 'other.lock.yaml');
    await writeFile(other, (await readFile(lock, 'utf8')).replace('library/app:1', 'library/app:2'));
    expect(await layoverCommand('record', 'diff', lock, lock)).toMatchObject({ code: 0, stdout: '' });
    expect(await layoverCommand('record', 'diff', lock, other)).toMatchObject({
      code: 1,
      stdout: `docker.io/library/app:1: not in ${other}\ndocker.io/library/app:2: only in ${other}\n`,
    });
  });

  it('survives a restart, and leaves out other clients', async () => {
    await using layover = await startCache(hub());
    await cacheCommand(layover, 'record', 'start', 'night', '--client', '192.0.2.1');
    await layover.restart();
    await manifest(layover, 'late', '1');
    const lock = join(layover.dataDirectory, 'night.lock.yaml');
    const stopped = await cacheCommand(layover, 'record', 'stop', 'night', '--lock', lock);
    expect(stopped).toMatchObject({ code: 1, stdout: `${lock}: 0 images, 0 B\n` });
  });

  it('names images by the alias that clients and layover lock know', async () => {
    const host = new URL(hub().url).host;
    await using layover = await startCache(hub(), { upstream: { aliases: [host, 'other.example'] } });
    await cacheCommand(layover, 'record', 'start', 'named');
    await manifest(layover, 'app', '1');
    await pull(`${layover.url}/v2/other.example/library/multi/manifests/1`);
    const lock = join(layover.dataDirectory, 'named.lock.yaml');
    const stopped = await cacheCommand(layover, 'record', 'stop', 'named', '--lock', lock);
    expect(stopped).toMatchObject({ code: 0, stderr: '' });
    const names = (await findLock(lock))?.images.map(({ name }) => name) ?? [];
    expect(names.toSorted()).toEqual([`${host}/library/app:1`, 'other.example/library/multi:1'].toSorted());
  });

  it('refuses clients and upstreams that cannot be, and keeps a damaged file', async () => {
    await using layover = await startCache(hub());
    const start = async (...args: readonly string[]) => cacheCommand(layover, 'record', 'start', 'x', ...args);
    for (const client of ['10.0.0.300', '10.0.3.0/99', 'fe80::1::2', '10.0.0'])
      expect(await start('--client', client)).toMatchObject({
        code: 1,
        stderr: `layover: ${client} is not an address or a network, such as 10.0.3.0/24\n`,
      });
    expect(await start('--upstream', 'ghcr.io')).toMatchObject({
      code: 1,
      stderr: 'layover: no upstream is named ghcr.io (configured: docker.io)\n',
    });
    const file = join(layover.dataDirectory, 'layover/recordings.json');
    await writeFile(file, '[{"name":"ci-');
    expect(await start('--upstream', 'docker.io', '--client', 'jenkins')).toMatchObject({ code: 0, stderr: '' });
    expect(await readFile(`${file}.damaged`, 'utf8')).toBe('[{"name":"ci-');
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject([{ name: 'x', upstream: 'docker.io' }]);
    expect(layover.output).toContain('recordings damaged');
  });
});
