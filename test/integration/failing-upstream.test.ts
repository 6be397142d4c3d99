import { describe, expect, it } from 'vitest';

import { seededContent } from '../support/content.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { FAILURES } from './failures.ts';
import { errorCode, type Pulled, pull } from './pulling.ts';
import { type CacheOptions, sharedHub, startCache } from './scene.ts';
import { expectNotStored, expectStored } from './stored-data.ts';

const NAME = 'library/app';
const images = new Images();
const image = images.addImage(NAME, 'fresh');
const other = images.addImage(NAME, 'other');
const coldBlob = images.addBlob(NAME, seededContent('cold', 200_000));
const warmBlob = images.addBlob(NAME, seededContent('warm', 200_000));
const hub = sharedHub(images);

const TIMEOUTS = { connect: '500ms', headers: '500ms', idle: '500ms' };
/** Above what the configured timeouts and the retries add up to. Milliseconds. */
const SOON = 5_000;

/** A cache with a tag that is fresh for long and one that is stale at once, both of {@link image}, and a blob. */
async function startWarm({ tags = {}, ...options }: CacheOptions & { readonly tags?: object } = {}): Promise<Layover> {
  hub().setTag(NAME, 'stale', image.digest);
  const policy = { ttl: '0s', rules: [{ match: '^fresh$', ttl: '1h' }], ...tags };
  const layover = await startCache(hub(), { ...options, upstream: { timeouts: TIMEOUTS, tags: policy } });
  for (const path of ['manifests/fresh', 'manifests/stale', `blobs/${warmBlob.digest}`]) {
    expect(await pull(`${layover.url}/v2/${NAME}/${path}`)).toMatchObject({ status: 200, complete: true });
  }
  await expectStored(layover, [image.digest, warmBlob.digest]);
  hub().requests.reset();
  return layover;
}

const seen = ({ status, digest, headers }: Pulled) => ({ status, digest, cache: headers['x-cache'] });

async function timed(url: string) {
  const startedAt = performance.now();
  const pulled = await pull(url);
  return { pulled, ms: performance.now() - startedAt };
}

describe.each(FAILURES)('an upstream that $name', ({ begin, status, code, retryAfter, staleTag = 'STALE' }) => {
  it('is not missed for what is cached, and is reported truthfully for what is not', async () => {
    await using layover = await startWarm();
    const url = `${layover.url}/v2/${NAME}`;
    await begin(hub());

    const hit = { status: 200, digest: image.digest, cache: 'HIT' };
    expect(seen(await pull(`${url}/manifests/${image.digest}`))).toEqual(hit);
    expect(seen(await pull(`${url}/manifests/fresh`))).toEqual(hit);
    expect(seen(await pull(`${url}/blobs/${warmBlob.digest}`))).toEqual({ ...hit, digest: warmBlob.digest });
    expect(hub().requests.all).toEqual([]);

    const stale = await timed(`${url}/manifests/stale`);
    expect(stale.ms).toBeLessThan(2_500);
    if (staleTag === 'error') expect(stale.pulled).toMatchObject({ status });
    else {
      expect(seen(stale.pulled)).toEqual({ ...hit, cache: 'STALE' });
      expect(stale.pulled.headers.warning).toMatch(/^110 /);
      hub().requests.reset();
      expect(seen(await pull(`${url}/manifests/stale`))).toEqual({ ...hit, cache: 'STALE' });
      expect(hub().requests.all).toEqual([]);
    }

    for (const path of [`manifests/other`, `blobs/${coldBlob.digest}`]) {
      const { pulled, ms } = await timed(`${url}/${path}`);
      expect({ path, status: pulled.status, code: errorCode(pulled) }).toEqual({ path, status, code });
      expect(pulled.headers['retry-after']).toBe(retryAfter);
      expect(ms).toBeLessThan(SOON);
    }
    await expectNotStored(layover, [other.digest, coldBlob.digest]);
    expect(await layover.spools()).toEqual([]);
  });
});
