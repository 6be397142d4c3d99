import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { blobDataPath, layerLinkPath, revisionLinkPath, tagLinkPath } from '../../src/content/paths.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { CONFIG, imageOf, LAYER, Repository } from './manifest-pushing.ts';
import { pull } from './pulling.ts';
import { refusalOf, send } from './pushing.ts';
import { cacheConfig, sharedHub } from './scene.ts';

const NAME = 'team/app';
const image = imageOf('one');
const images = new Images();
const cached = images.addImage('library/app', '1');
const hub = sharedHub(images);

const DAMAGES: readonly [what: string, path: string, bytes: string | undefined][] = [
  ['an empty tag link', tagLinkPath(NAME, 'v1'), ''],
  ['garbage in a tag link', tagLinkPath(NAME, 'v1'), 'sha256:garbage'],
  ['a tag link that is far too long', tagLinkPath(NAME, 'v1'), 'x'.repeat(5000)],
  ['a revision link that is far too long', revisionLinkPath(NAME, image.digest), 'x'.repeat(5000)],
  ['an empty revision link', revisionLinkPath(NAME, image.digest), ''],
  ['another digest in a revision link', revisionLinkPath(NAME, image.digest), LAYER.digest],
  ['bytes that are missing', blobDataPath(image.digest), undefined],
  ['bytes that are empty', blobDataPath(image.digest), ''],
  ['bytes of something else', blobDataPath(image.digest), '{}'],
];

async function startDamaged(path: string, bytes: string | undefined) {
  const layover = await Layover.start({
    config: {
      ...cacheConfig(hub(), { proxy: { hosted: ['team/*'] } }),
      storage: { delete: { enabled: true } },
    },
  });
  const repository = new Repository(layover.url, NAME);
  await repository.addBlobs(CONFIG, LAYER);
  expect((await repository.put(image, 'v1')).status).toBe(201);
  await layover.kill('SIGTERM');
  const file = join(layover.dataDirectory, path);
  if (bytes === undefined) await rm(file);
  else await writeFile(file, bytes);
  await layover.restart();
  return { layover, repository };
}

describe('a hosted manifest that is damaged on disk', () => {
  it.each(DAMAGES)(
    'by %s is an error that is not "not found", until it is pushed again',
    async (_what, path, bytes) => {
      const { layover, repository } = await startDamaged(path, bytes);
      await using _ = layover;
      const answer = await repository.get('manifests/v1');
      expect(refusalOf(answer)).toEqual([500, 'UNAVAILABLE']);
      expect(answer.body).toContain('damaged');
      expect((await send('HEAD', `${layover.url}/v2/${NAME}/manifests/v1`)).status).toBe(500);
      await layover.waitForOutput(/damaged content found/);
      expect(await repository.status('manifests/v2')).toBe(404);
      expect(await repository.status('tags/list')).toBe(200);
      expect((await repository.put(image, 'v1')).status).toBe(201);
      for (const reference of ['v1', image.digest])
        expect((await repository.get(`manifests/${reference}`)).body).toBe(String(image.bytes));
    },
  );

  it.each(DAMAGES.filter(([, path]) => path !== tagLinkPath(NAME, 'v1')))(
    'by %s is deleted by its digest, with its tag',
    async (_what, path, bytes) => {
      const { layover, repository } = await startDamaged(path, bytes);
      await using _ = layover;
      expect((await repository.delete(`manifests/${image.digest}`)).status).toBe(202);
      for (const reference of ['v1', image.digest]) expect(await repository.status(`manifests/${reference}`)).toBe(404);
      expect((await repository.delete(`manifests/${image.digest}`)).status).toBe(404);
      expect(existsSync(join(layover.dataDirectory, revisionLinkPath(NAME, image.digest)))).toBe(false);
      expect(existsSync(join(layover.dataDirectory, tagLinkPath(NAME, 'v1')))).toBe(false);
    },
  );

  it('by its tag link alone is served by digest, and the tag can be deleted', async () => {
    const { layover, repository } = await startDamaged(tagLinkPath(NAME, 'v1'), '');
    await using _ = layover;
    expect(await repository.status(`manifests/${image.digest}`)).toBe(200);
    expect((await repository.delete('manifests/v1')).status).toBe(202);
    expect(await repository.status('manifests/v1')).toBe(404);
  });

  it('is not there once its revision is deleted, also for a tag that names it', async () => {
    const { layover, repository } = await startDamaged(revisionLinkPath(NAME, image.digest), undefined);
    await using _ = layover;
    for (const reference of ['v1', image.digest]) expect(await repository.status(`manifests/${reference}`)).toBe(404);
  });

  it.each([
    ['its link is empty', layerLinkPath(NAME, LAYER.digest), ''],
    ['its link is far too long', layerLinkPath(NAME, LAYER.digest), 'x'.repeat(5000)],
    ['its bytes are missing', blobDataPath(LAYER.digest), undefined],
  ])('is not meant by a layer: when %s it is 404, so that clients send it again', async (_what, path, bytes) => {
    const { layover, repository } = await startDamaged(path, bytes);
    await using _ = layover;
    expect(await repository.status(`blobs/${LAYER.digest}`)).toBe(404);
    await repository.addBlobs(LAYER);
    expect((await repository.get(`blobs/${LAYER.digest}`)).body).toBe(String(LAYER.bytes));
  });
});

describe('a cached manifest that is damaged on disk', () => {
  it.each([
    ['tag link', tagLinkPath('docker.io/library/app', '1'), ''],
    ['revision link', revisionLinkPath('docker.io/library/app', cached.digest), 'garbage'],
    ['bytes', blobDataPath(cached.digest), '{}'],
  ])('in its %s is fetched again', async (_what, path, bytes) => {
    await using layover = await Layover.start({ config: cacheConfig(hub(), {}) });
    const url = `${layover.url}/v2/library/app/manifests`;
    expect(await pull(`${url}/1`)).toMatchObject({ status: 200, digest: cached.digest });
    await layover.kill('SIGTERM');
    await writeFile(join(layover.dataDirectory, path), bytes);
    await layover.restart();
    for (const reference of ['1', cached.digest]) {
      expect(await pull(`${url}/${reference}`)).toMatchObject({ status: 200, digest: cached.digest });
    }
  });
});
