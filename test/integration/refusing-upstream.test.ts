import { describe, expect, it } from 'vitest';

import { errorCode, pull } from './pulling.ts';
import { sharedHub } from './scene.ts';
import { expectNotStored, expectStored } from './stored-data.ts';
import { coldBlob, image, images, NAME, other, seen, startWarmCache } from './warm-cache.ts';

const hub = sharedHub(images);
const STALE = { status: 200, digest: image.digest, cache: 'STALE' };

describe('an upstream that no longer has a tag', () => {
  it('is believed by default', async () => {
    await using layover = await startWarmCache(hub());
    hub().setTag(NAME, 'stale', undefined);
    const gone = await pull(`${layover.url}/v2/${NAME}/manifests/stale`);
    expect({ status: gone.status, code: errorCode(gone) }).toEqual({ status: 404, code: 'MANIFEST_UNKNOWN' });
    // By digest it is still there.
    expect(await pull(`${layover.url}/v2/${NAME}/manifests/${image.digest}`)).toMatchObject({ status: 200 });
    await expectStored(layover, [image.digest]);
  });

  it('does not take it from the clients with onnotfound: stale', async () => {
    await using layover = await startWarmCache(hub(), { tags: { onnotfound: 'stale' } });
    hub().setTag(NAME, 'stale', undefined);
    expect(seen(await pull(`${layover.url}/v2/${NAME}/manifests/stale`))).toEqual(STALE);
  });

  it.each([
    ['manifests/never', 'MANIFEST_UNKNOWN'],
    [`manifests/sha256:${'0'.repeat(64)}`, 'MANIFEST_UNKNOWN'],
    [`blobs/sha256:${'0'.repeat(64)}`, 'BLOB_UNKNOWN'],
  ])('and never had it: %s is 404 %s', async (path, code) => {
    await using layover = await startWarmCache(hub(), { tags: { onnotfound: 'stale' } });
    const unknown = await pull(`${layover.url}/v2/${NAME}/${path}`);
    expect({ status: unknown.status, code: errorCode(unknown) }).toEqual({ status: 404, code });
    await expect.poll(() => layover.spools()).toEqual([]);
  });
});

describe.each([401, 403])('an upstream that answers %i for a cached tag', (status) => {
  it('is believed by default', async () => {
    await using layover = await startWarmCache(hub());
    hub().faults.fail(undefined, { status });
    const denied = await pull(`${layover.url}/v2/${NAME}/manifests/stale`);
    expect({ status: denied.status, code: errorCode(denied) }).toEqual({ status: 403, code: 'DENIED' });
  });

  it('does not take it from the clients with ondenied: stale', async () => {
    await using layover = await startWarmCache(hub(), { tags: { ondenied: 'stale' } });
    hub().faults.fail(undefined, { status });
    expect(seen(await pull(`${layover.url}/v2/${NAME}/manifests/stale`))).toEqual(STALE);
  });
});

describe('a pull budget that is spent', () => {
  it.each(['json', 'text'] as const)(
    'is told in %s, and costs nothing while the tag has not moved',
    async (refusal) => {
      await using layover = await startWarmCache(hub());
      Object.assign(hub().rateLimit, { enforced: true, remaining: 0, refusal });
      const [unmoved, cold] = await Promise.all([
        pull(`${layover.url}/v2/${NAME}/manifests/stale`),
        pull(`${layover.url}/v2/${NAME}/manifests/other`),
      ]);
      Object.assign(hub().rateLimit, { enforced: false, remaining: 100 });
      // HEAD is free.
      expect(seen(unmoved)).toEqual({ ...STALE, cache: 'HIT' });
      expect({ status: cold.status, code: errorCode(cold) }).toEqual({ status: 429, code: 'TOOMANYREQUESTS' });
      await expectNotStored(layover, [other.digest]);
    },
  );
});

describe('garbage instead of JSON', () => {
  it('for a manifest is 502 and not kept', async () => {
    await using layover = await startWarmCache(hub());
    hub().faults.garbageJson('manifest-get');
    for (const reference of ['other', other.digest]) {
      const garbage = await pull(`${layover.url}/v2/${NAME}/manifests/${reference}`);
      expect({ status: garbage.status, code: errorCode(garbage) }).toEqual({ status: 502, code: 'UNAVAILABLE' });
    }
    await expectNotStored(layover, [other.digest]);
  });

  it('from the token server is 502, and a cached tag is served', async () => {
    await using layover = await startWarmCache(hub());
    hub().tokens.revokeAll();
    hub().faults.garbageJson('token');
    const cold = await pull(`${layover.url}/v2/${NAME}/blobs/${coldBlob.digest}`);
    expect({ status: cold.status, code: errorCode(cold) }).toEqual({ status: 502, code: 'UNAVAILABLE' });
    expect(seen(await pull(`${layover.url}/v2/${NAME}/manifests/stale`))).toEqual(STALE);
  });
});
