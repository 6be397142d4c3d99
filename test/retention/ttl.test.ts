import { describe, expect, it } from 'vitest';

import { pull } from '../integration/pulling.ts';
import { sharedHub } from '../integration/scene.ts';
import { expectNothingBroken, expectStored } from '../integration/stored-data.ts';
import { seededContent } from '../support/content.ts';
import { Images } from '../support/images.ts';
import { metric, pullBlob, pullImage, startExpiringCache, storedOf } from './expiring-cache.ts';

const images = new Images();
const shared = seededContent('shared', 300_000);
for (const repository of ['library/one', 'library/two']) images.addBlob(repository, shared);
const image = images.addImage('library/app', 'latest', { layers: [4096] });
const everything = [image.digest, image.config, ...image.layers];
const hub = sharedHub(images);

/** Long enough for a slow machine to look twice, short enough to wait for. */
const TTL = { proxy: { ttl: '3s' } };
const SOON = { timeout: 20_000, interval: 100 };

describe('unused content', () => {
  it('expires after the TTL: manifest, tag, blobs and bytes; the next pull fetches it again', async () => {
    await using layover = await startExpiringCache(hub(), TTL);
    const pulling = { tag: 'latest', layers: [image.config, ...image.layers] };
    await pullImage(layover, 'library/app', pulling);
    await expectStored(layover, everything);

    await expect.poll(() => storedOf(layover, everything), SOON).toEqual([]);
    await expectNothingBroken(layover);
    expect(await metric(layover, 'layover_expired_total')).toBe(everything.length);
    await expect.poll(() => metric(layover, 'layover_store_bytes'), SOON).toBe(0);

    hub().requests.reset();
    await pullImage(layover, 'library/app', pulling);
    expect(hub().requests.count('cdn-get')).toBe(1 + image.layers.length);
    await expectStored(layover, everything);
  });

  it('stays as long as a manifest that refers to it is used', async () => {
    await using layover = await startExpiringCache(hub(), TTL);
    await pullImage(layover, 'library/app', { tag: 'latest', layers: [image.config, ...image.layers] });
    hub().requests.reset();
    const until = Date.now() + 8_000;
    await expect
      .poll(
        async () => {
          await pull(`${layover.url}/v2/library/app/manifests/latest`, { method: 'HEAD' });
          return Date.now() > until;
        },
        { timeout: 20_000, interval: 200 },
      )
      .toBe(true);
    expect(await storedOf(layover, everything)).toEqual(everything);
    await pullImage(layover, 'library/app', { tag: 'latest', layers: [image.config, ...image.layers] });
    expect(hub().requests.all).toEqual([]);
  });

  it('stays for ever with a TTL of 0', async () => {
    await using cached = await startExpiringCache(hub(), TTL);
    await pullImage(cached, 'library/app', { tag: 'latest', layers: [image.config, ...image.layers] });
    await using never = await startExpiringCache(hub(), { proxy: { ttl: '0' } });
    await pullImage(never, 'library/app', { tag: 'latest', layers: [image.config, ...image.layers] });
    // What came last, and would expire last, shows that the time of the others has come.
    await using witness = await startExpiringCache(hub(), TTL);
    await pullBlob(witness, 'library/one', shared.digest);
    await expect.poll(() => storedOf(witness, [shared.digest]), SOON).toEqual([]);
    await expect.poll(() => storedOf(cached, everything), SOON).toEqual([]);
    expect(await storedOf(never, everything)).toEqual(everything);
  });
});

describe('a blob of two repositories', () => {
  it('is whole for one while the other forgets it, and is gone when both have (distribution #2367)', async () => {
    await using layover = await startExpiringCache(hub(), TTL);
    for (const repository of ['library/one', 'library/two']) {
      expect(await pullBlob(layover, repository, shared.digest)).toMatchObject({ digest: shared.digest });
      await expectStored(layover, [shared.digest]);
    }
    hub().requests.reset();
    // One is used until the other has expired; every response meanwhile is complete.
    await expect
      .poll(async () => {
        const pulled = await pullBlob(layover, 'library/one', shared.digest);
        expect(pulled).toMatchObject({ status: 200, complete: true, size: shared.size, digest: shared.digest });
        return metric(layover, 'layover_expired_total');
      }, SOON)
      .toBe(1);
    expect(await pullBlob(layover, 'library/one', shared.digest)).toMatchObject({
      digest: shared.digest,
      headers: { 'x-cache': 'HIT' },
    });
    expect(hub().requests.all).toEqual([]);
    expect(await storedOf(layover, [shared.digest])).toEqual([shared.digest]);

    await expect.poll(() => storedOf(layover, [shared.digest]), SOON).toEqual([]);
    await expectNothingBroken(layover);
    expect(await pullBlob(layover, 'library/two', shared.digest)).toMatchObject({
      status: 200,
      size: shared.size,
      digest: shared.digest,
      headers: { 'x-cache': 'MISS' },
    });
  });
});

describe('a process that was killed', () => {
  it('has the stored content and its uses afterwards, and removes it when it expires', async () => {
    await using layover = await startExpiringCache(hub(), { ...TTL, ownProcess: true });
    await pullImage(layover, 'library/app', { tag: 'latest', layers: [image.config, ...image.layers] });
    await expectStored(layover, everything);
    await layover.kill('SIGKILL');
    await layover.restart();
    await expect.poll(() => storedOf(layover, everything), SOON).toEqual([]);
    await expectNothingBroken(layover);
    expect(layover.output).not.toMatch('index rebuilt');
  });
});
