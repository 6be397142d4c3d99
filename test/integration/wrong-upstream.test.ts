import { describe, expect, it } from 'vitest';

import { seededContent } from '../support/content.ts';
import type { Faults } from '../support/faults.ts';
import { Images } from '../support/images.ts';
import { errorCode, pull } from './pulling.ts';
import { sharedHub, startCache } from './scene.ts';
import { expectNotStored, expectStored } from './stored-data.ts';

const NAME = 'library/app';
const images = new Images();
const blob = images.addBlob(NAME, seededContent('blob', 3_000_000));
const small = images.addBlob(NAME, seededContent('small', 1_000));
const image = images.addImage(NAME, '1');
const next = images.addImage(NAME, 'next');
const hub = sharedHub(images);

const LIES: Readonly<Record<string, (faults: Faults, reference: string) => void>> = {
  'a wrong first byte': (faults, reference) => faults.wrongBytes(reference, 0),
  'a wrong byte in the middle': (faults, reference) => faults.wrongBytes(reference, 300),
  'one byte too few': (faults, reference) => faults.shortBody(reference, 1),
  'one byte too many': (faults, reference) => faults.longBody(reference, 1),
  'twice the bytes': (faults, reference) => faults.longBody(reference, 3_000_000),
};

describe.each(Object.entries(LIES))('an upstream that sends %s', (_name, lie) => {
  it.each([
    ['large', blob],
    ['small', small],
  ])('of a %s blob gets none of it into the cache, and no client a whole answer', async (_size, wanted) => {
    await using layover = await startCache(hub());
    const url = `${layover.url}/v2/${NAME}/blobs/${wanted.digest}`;
    lie(hub().faults, wanted.digest);

    const answers = await Promise.all([pull(url), pull(url), pull(url, { headers: { range: 'bytes=10-' } })]);

    for (const { status, complete } of answers) expect(complete && status < 300).toBe(false);
    await expect.poll(() => layover.spools()).toEqual([]);
    await expectNotStored(layover, [wanted.digest]);

    hub().faults.clear();
    expect(await pull(url)).toMatchObject({ status: 200, complete: true, digest: wanted.digest });
    await expectStored(layover, [wanted.digest]);
  });

  it('of a blob that there is no room to keep gives no client a whole answer either', async () => {
    await using layover = await startCache(hub(), { proxy: { fills: { maxspool: '1KiB' } } });
    const url = `${layover.url}/v2/${NAME}/blobs/${blob.digest}`;
    lie(hub().faults, blob.digest);
    const { status, complete } = await pull(url);
    expect(complete && status < 300).toBe(false);
    hub().faults.clear();
    const right = await pull(url);
    expect(right).toMatchObject({ complete: true, digest: blob.digest, headers: { 'x-cache': 'BYPASS' } });
    await expectNotStored(layover, [blob.digest]);
  });

  it.each(['1', image.digest])('of a manifest gets none of it into the cache: asked for %s', async (reference) => {
    await using layover = await startCache(hub());
    const url = `${layover.url}/v2/${NAME}/manifests/${reference}`;
    lie(hub().faults, image.digest);

    const refused = await pull(url);

    expect(refused).toMatchObject({ status: 502, complete: true });
    expect(errorCode(refused)).toBe('UNAVAILABLE');
    await expectNotStored(layover, [image.digest]);

    hub().faults.clear();
    expect(await pull(url)).toMatchObject({ status: 200, digest: image.digest });
    await expectStored(layover, [image.digest]);
  });
});

describe('a wrong Docker-Content-Digest', () => {
  it('on a manifest asked for by digest changes nothing', async () => {
    await using layover = await startCache(hub());
    hub().faults.wrongDigestHeader(image.digest);
    const pulled = await pull(`${layover.url}/v2/${NAME}/manifests/${image.digest}`);
    expect(pulled).toMatchObject({ status: 200, digest: image.digest });
    expect(pulled.headers['docker-content-digest']).toBe(image.digest);
    await expectStored(layover, [image.digest]);
  });

  it('on a tag gives no answer, as there is no manifest with that digest', async () => {
    await using layover = await startCache(hub());
    hub().faults.wrongDigestHeader('1');
    const url = `${layover.url}/v2/${NAME}/manifests/1`;
    const pulled = await pull(url);
    expect(pulled.status).toBe(404);
    await expectNotStored(layover, [image.digest]);

    hub().faults.clear();
    expect(await pull(url)).toMatchObject({ status: 200, digest: image.digest });
    await expectStored(layover, [image.digest]);
  });

  it('on a blob changes nothing', async () => {
    await using layover = await startCache(hub());
    hub().faults.wrongDigestHeader(blob.digest);
    const pulled = await pull(`${layover.url}/v2/${NAME}/blobs/${blob.digest}`);
    expect(pulled).toMatchObject({ status: 200, complete: true, digest: blob.digest });
    await expectStored(layover, [blob.digest]);
  });
});

describe('a tag that moves between HEAD and GET', () => {
  it('is answered with the manifest that HEAD named, whole', async () => {
    await using layover = await startCache(hub(), { upstream: { tags: { ttl: '0s' } } });
    hub().setTag(NAME, 'moving', image.digest);
    hub().moveTagAfter('manifest-head', NAME, 'moving', next.digest);
    const url = `${layover.url}/v2/${NAME}/manifests/moving`;

    const pulled = await pull(url);

    expect(pulled).toMatchObject({ status: 200, digest: image.digest });
    expect(pulled.headers['docker-content-digest']).toBe(image.digest);
    expect(
      hub()
        .requests.of('manifest-get')
        .map(({ reference }) => reference),
    ).toEqual([image.digest]);
    expect(await pull(url)).toMatchObject({ status: 200, digest: next.digest });
    await expectStored(layover, [image.digest, next.digest]);
  });

  it('to one that the upstream will not give leaves the tag as it is, for every way to ask', async () => {
    await using layover = await startCache(hub(), { upstream: { tags: { ttl: '0s' } } });
    const url = `${layover.url}/v2/${NAME}/manifests`;
    hub().setTag(NAME, 'renewed', image.digest);
    expect(await pull(`${url}/renewed`)).toMatchObject({ status: 200, digest: image.digest });

    hub().setTag(NAME, 'renewed', next.digest);
    hub().faults.fail('manifest-get', { status: 429 });
    // As containerd and dockerd do: HEAD of the tag, GET of the digest it says.
    const head = await pull(`${url}/renewed`, { method: 'HEAD' });
    expect(head.headers['docker-content-digest']).toBe(next.digest);
    expect(await pull(`${url}/${next.digest}`)).toMatchObject({ status: 429 });
    hub().requests.reset();

    for (const method of ['HEAD', 'GET'] as const) {
      const { status, headers } = await pull(`${url}/renewed`, { method });
      expect({ status, cache: headers['x-cache'] }).toEqual({ status: 200, cache: 'STALE' });
      expect(headers['docker-content-digest']).toBe(image.digest);
    }
    expect(hub().requests.counts()).toEqual({});
    await expectNotStored(layover, [next.digest]);
  });
});
