import { describe, expect, it } from 'vitest';

import { FAILURES } from './failures.ts';
import { errorCode, pull } from './pulling.ts';
import { sharedHub } from './scene.ts';
import { expectNotStored } from './stored-data.ts';
import { coldBlob, image, images, NAME, other, seen, startWarmCache, timed, warmBlob } from './warm-cache.ts';

const hub = sharedHub(images);

/** Above what the configured timeouts and the retries add up to. Milliseconds. */
const SOON = 5_000;
const hit = { status: 200, digest: image.digest, cache: 'HIT' };

describe.each(FAILURES)('an upstream that $name', ({ begin, status, code, retryAfter, staleTag = 'STALE' }) => {
  it('is not asked for what is cached', async () => {
    await using layover = await startWarmCache(hub());
    const url = `${layover.url}/v2/${NAME}`;
    await begin(hub());
    expect(seen(await pull(`${url}/manifests/${image.digest}`))).toEqual(hit);
    expect(seen(await pull(`${url}/manifests/fresh`))).toEqual(hit);
    expect(seen(await pull(`${url}/blobs/${warmBlob.digest}`))).toEqual({ ...hit, digest: warmBlob.digest });
    expect(hub().requests.all).toEqual([]);

    // Asked once, then left in peace for a while.
    const { pulled, ms } = await timed(`${url}/manifests/stale`);
    expect(ms).toBeLessThan(2_500);
    if (staleTag === 'error') {
      expect({ status: pulled.status, code: errorCode(pulled) }).toEqual({ status, code });
      return;
    }
    expect(seen(pulled)).toEqual({ ...hit, cache: 'STALE' });
    expect(pulled.headers.warning).toMatch(/^110 /);
    hub().requests.reset();
    expect(seen(await pull(`${url}/manifests/stale`))).toEqual({ ...hit, cache: 'STALE' });
    expect(hub().requests.all).toEqual([]);
  });

  it(`is reported as ${status} ${code} for what is not cached`, async () => {
    await using layover = await startWarmCache(hub());
    await begin(hub());
    for (const path of [`manifests/other`, `blobs/${coldBlob.digest}`]) {
      const { pulled, ms } = await timed(`${layover.url}/v2/${NAME}/${path}`);
      expect({ path, status: pulled.status, code: errorCode(pulled) }).toEqual({ path, status, code });
      expect(pulled.headers['retry-after']).toBe(retryAfter);
      expect(ms).toBeLessThan(SOON);
    }
    await expectNotStored(layover, [other.digest, coldBlob.digest]);
    await expect.poll(() => layover.spools()).toEqual([]);
  });
});
