import { expect, it } from 'vitest';

import { FakeClock } from '../support/fake-clock.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { cacheConfig, sharedHub } from './scene.ts';
import { errorCode, pull } from './pulling.ts';
import { expectStored } from './stored-data.ts';
import { coldBlob, image, images, NAME, other, seen, startWarmCache, warmBlob } from './warm-cache.ts';

const hub = sharedHub(images);
const HIT = { status: 200, digest: image.digest, cache: 'HIT' };
const STALE = { ...HIT, cache: 'STALE' };

it('starts without its upstream, serves what it has, and goes on when the upstream is there', async () => {
  const clock = new FakeClock();
  await using layover = await startWarmCache(hub(), { clock });
  await clock.advance(60_000); // the tags, whose files have the system's time, are older than the next start
  await layover.kill('SIGTERM');
  await hub().stop();
  await layover.restart();
  const url = `${layover.url}/v2/${NAME}`;

  expect(seen(await pull(`${url}/manifests/${image.digest}`))).toEqual(HIT);
  expect(seen(await pull(`${url}/manifests/fresh`))).toEqual(HIT);
  expect(seen(await clock.advanceUntil(pull(`${url}/manifests/stale`)))).toEqual(STALE);
  expect(seen(await pull(`${url}/blobs/${warmBlob.digest}`))).toEqual({ ...HIT, digest: warmBlob.digest });
  const tags = await clock.advanceUntil(pull(`${url}/tags/list`));
  expect(JSON.parse(tags.start.toString())).toEqual({ name: NAME, tags: ['fresh', 'stale'] });
  expect(await clock.advanceUntil(pull(`${url}/manifests/other`))).toMatchObject({ status: 502 });

  await hub().resume();
  const back = () => clock.advanceUntil(pull(`${url}/manifests/other`));
  await expect.poll(back, { timeout: 20_000, interval: 20 }).toMatchObject({ status: 200, digest: other.digest });
  await expectStored(layover, [image.digest, warmBlob.digest, other.digest]);
});

it('contacts no upstream with offline: true', async () => {
  await using line = await FaultProxy.start(hub().port);
  await using layover = await startWarmCache(hub());
  await layover.restart(cacheConfig(line, { proxy: { offline: true }, upstream: { tags: { ttl: '0s', rules: [] } } }));
  const url = `${layover.url}/v2/${NAME}`;

  expect(seen(await pull(`${url}/manifests/${image.digest}`))).toEqual(HIT);
  expect(seen(await pull(`${url}/manifests/stale`))).toEqual(HIT);
  expect(seen(await pull(`${url}/blobs/${warmBlob.digest}`))).toEqual({ ...HIT, digest: warmBlob.digest });
  for (const [path, code] of [
    ['manifests/other', 'MANIFEST_UNKNOWN'],
    [`manifests/${other.digest}`, 'MANIFEST_UNKNOWN'],
    [`blobs/${coldBlob.digest}`, 'BLOB_UNKNOWN'],
  ] as const) {
    for (const method of ['GET', 'HEAD'] as const) {
      const unknown = await pull(`${url}/${path}`, { method });
      expect({ path, status: unknown.status }).toEqual({ path, status: 404 });
      if (method === 'GET') expect(errorCode(unknown)).toBe(code);
    }
  }
  const lists = await Promise.all([pull(`${url}/tags/list`), pull(`${url}/referrers/${image.digest}`)]);
  expect(lists.map(({ status }) => status)).toEqual([200, 200]);

  expect(line.counts.connections).toBe(0);
  expect(hub().requests.all).toEqual([]);
  await expectStored(layover, [image.digest, warmBlob.digest]);
});
