import { expect, it } from 'vitest';

import { Images } from '../support/images.ts';
import { pull } from './pulling.ts';
import { sharedHub, startCache } from './scene.ts';
import { expectStored } from './stored-data.ts';
import { seen } from './warm-cache.ts';

const NAME = 'library/signed';
const images = new Images();
const image = images.addImage(NAME, '1');
const first = images.addArtifact(NAME, image, 'application/vnd.example.signature', 'the first signature');
const both = images.addArtifact(NAME, image, 'application/vnd.example.signature', 'two signatures');
const hub = sharedHub(images);

const digestTag = image.digest.replace(':', '-');
const DAY = { ttl: '24h', rules: [{ match: '.*', ttl: '24h' }], revalidate: 'background' };

it.each([digestTag, `${digestTag}.sig`, `${digestTag}.att`, `${digestTag}.sbom`])(
  'a second signature is seen at once by %s',
  async (tag) => {
    await using layover = await startCache(hub(), { upstream: { tags: DAY } });
    const manifests = `${layover.url}/v2/${NAME}/manifests`;
    hub().setTag(NAME, tag, undefined);
    expect(await pull(`${manifests}/${tag}`)).toMatchObject({ status: 404 });

    hub().setTag(NAME, tag, first.digest);
    expect(seen(await pull(`${manifests}/${tag}`))).toEqual({ status: 200, digest: first.digest, cache: 'MISS' });
    hub().requests.reset();
    expect(seen(await pull(`${manifests}/${tag}`))).toMatchObject({ status: 200, digest: first.digest });
    expect(hub().requests.counts()).toEqual({ 'manifest-head': 1 });

    hub().setTag(NAME, tag, both.digest);
    const head = await pull(`${manifests}/${tag}`, { method: 'HEAD' });
    expect(head.headers['docker-content-digest']).toBe(both.digest);
    expect(seen(await pull(`${manifests}/${tag}`))).toMatchObject({ status: 200, digest: both.digest });
    await expectStored(layover, [first.digest, both.digest]);
  },
);

it('a digest tag is served stale while the upstream is away, and an ordinary tag needs no upstream', async () => {
  hub().setTag(NAME, `${digestTag}.sig`, first.digest);
  await using layover = await startCache(hub(), { upstream: { tags: DAY } });
  const manifests = `${layover.url}/v2/${NAME}/manifests`;
  await pull(`${manifests}/${digestTag}.sig`);
  await pull(`${manifests}/1`);
  await hub().stop();

  expect(seen(await pull(`${manifests}/${digestTag}.sig`))).toEqual({
    status: 200,
    digest: first.digest,
    cache: 'STALE',
  });
  expect(seen(await pull(`${manifests}/1`))).toEqual({ status: 200, digest: image.digest, cache: 'HIT' });
});

it('a rule for digest tags alone keeps them fresh', async () => {
  hub().setTag(NAME, `${digestTag}.sig`, first.digest);
  const rules = [{ match: '^sha256-', ttl: '1h' }];
  await using layover = await startCache(hub(), { upstream: { tags: { ttl: '0s', rules } } });
  const url = `${layover.url}/v2/${NAME}/manifests/${digestTag}.sig`;
  await pull(url);
  hub().requests.reset();
  expect(seen(await pull(url))).toEqual({ status: 200, digest: first.digest, cache: 'HIT' });
  expect(hub().requests.all).toEqual([]);
});
