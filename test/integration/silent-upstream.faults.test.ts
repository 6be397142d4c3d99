import { describe, expect, it } from 'vitest';

import { seededContent } from '../support/content.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { ask, errorCode, finish, pull } from './pulling.ts';
import { sharedHub } from './scene.ts';
import { expectNotStored, expectStored } from './stored-data.ts';
import { coldBlob, image, images, NAME, other, seen, startWarmCache, timed } from './warm-cache.ts';

const large = images.addBlob(NAME, seededContent('large', 3_000_000));
const hub = sharedHub(images);
const STALE = { status: 200, digest: image.digest, cache: 'STALE' };

describe('an upstream that never answers', () => {
  it('delays a cached tag once, and then no more, with the default timeouts', async () => {
    await using layover = await startWarmCache(hub(), { timeouts: {} });
    hub().faults.hang();

    const first = await timed(`${layover.url}/v2/${NAME}/manifests/stale`);
    expect(seen(first.pulled)).toEqual(STALE);
    expect(first.ms).toBeLessThan(2_500);

    hub().requests.reset();
    for (const method of ['GET', 'HEAD'] as const) {
      const again = await pull(`${layover.url}/v2/${NAME}/manifests/stale`, { method });
      expect(again).toMatchObject({
        status: 200,
        headers: { 'x-cache': 'STALE', 'docker-content-digest': image.digest },
      });
    }
    expect(hub().requests.all).toEqual([]);
  });

  it('is served from the cache also when the packets themselves vanish', async () => {
    await using line = await FaultProxy.start(hub().port);
    await using layover = await startWarmCache(hub(), { timeouts: {}, upstream: { remoteurl: line.url } });
    line.blackHole();
    const { pulled, ms } = await timed(`${layover.url}/v2/${NAME}/manifests/stale`);
    expect(seen(pulled)).toEqual(STALE);
    expect(ms).toBeLessThan(2_500);
  });

  it('is not asked any more after three failures, until it is back', async () => {
    const clock = new FakeClock();
    await using layover = await startWarmCache(hub(), { clock });
    const url = `${layover.url}/v2/${NAME}`;
    hub().faults.hang();
    for (const path of ['manifests/other', `manifests/${other.digest}`, `blobs/${coldBlob.digest}`]) {
      expect(await pull(`${url}/${path}`)).toMatchObject({ status: 504 });
    }

    expect((await pull(`${url}/manifests/other`)).status).toBe(503);

    hub().requests.reset();
    for (const path of ['manifests/other', `blobs/${coldBlob.digest}`]) {
      const refused = await pull(`${url}/${path}`);
      expect({ status: refused.status, code: errorCode(refused) }).toEqual({ status: 503, code: 'UNAVAILABLE' });
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(seen(await pull(`${url}/manifests/stale`))).toEqual(STALE);
    expect(hub().requests.all).toEqual([]);
    await expectNotStored(layover, [other.digest, coldBlob.digest]);

    hub().faults.clear();
    const back = () => clock.advanceUntil(pull(`${url}/manifests/other`));
    await expect.poll(back, { timeout: 20_000, interval: 20 }).toMatchObject({ status: 200, digest: other.digest });
    expect(await pull(`${url}/blobs/${coldBlob.digest}`)).toMatchObject({ status: 200, digest: coldBlob.digest });
    await expectStored(layover, [other.digest, coldBlob.digest]);
  });
});

describe('an upstream that falls silent in mid-body', () => {
  it('of a manifest is 504, and nothing of it is kept', async () => {
    await using layover = await startWarmCache(hub());
    hub().faults.hangMidBody(50, { on: 'manifest-get' });
    const silent = await pull(`${layover.url}/v2/${NAME}/manifests/other`);
    expect({ status: silent.status, code: errorCode(silent) }).toEqual({ status: 504, code: 'UNAVAILABLE' });
    await expectNotStored(layover, [other.digest]);
  });

  it('of a blob is asked for the rest, without the client noticing', async () => {
    await using layover = await startWarmCache(hub());
    hub().faults.hangMidBody(1_000_000, { on: 'cdn-get', times: 2 });
    const pulled = await finish(await ask(`${layover.url}/v2/${NAME}/blobs/${large.digest}`));
    expect(pulled).toMatchObject({ status: 200, complete: true, digest: large.digest });
    expect(hub().requests.count('cdn-get')).toBe(3);
    expect(hub().requests.bytes('cdn-get')).toBe(large.size);
    await expectStored(layover, [large.digest]);
  });
});
