import { describe, expect, it } from 'vitest';

import type { Digest } from '../../src/oci/digest.ts';
import { pull } from '../integration/pulling.ts';
import { sharedHub } from '../integration/scene.ts';
import { expectNothingBroken, expectStored } from '../integration/stored-data.ts';
import { seededContent } from '../support/content.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { metric, pullBlob, pullImage, startExpiringCache, storedOf } from './expiring-cache.ts';

const images = new Images();
const shared = seededContent('shared', 300_000);
for (const repository of ['library/one', 'library/two']) images.addBlob(repository, shared);
const image = images.addImage('library/app', 'latest', { layers: [4096] });
const everything = [image.digest, image.config, ...image.layers];
const hub = sharedHub(images);

const MINUTE_MS = 60_000;
/** So short that tags stay fresh for several of them. */
const TTL = { proxy: { ttl: '10m' } };
const SOON = { timeout: 20_000, interval: 20 };

/** Lets a minute pass. @returns what is stored then */
async function storedLater(clock: FakeClock, layover: Layover, digests: readonly Digest[]) {
  await clock.advance(MINUTE_MS);
  return storedOf(layover, digests);
}

describe('unused content', () => {
  it('expires after the TTL: manifest, tag, blobs and bytes; the next pull fetches it again', async () => {
    const clock = new FakeClock();
    await using layover = await startExpiringCache(hub(), { ...TTL, clock });
    const pulling = { tag: 'latest', layers: [image.config, ...image.layers] };
    await pullImage(layover, 'library/app', pulling);
    await expectStored(layover, everything);

    await clock.advance(9 * MINUTE_MS);
    expect(await storedOf(layover, everything)).toEqual(everything);
    await expect.poll(() => storedLater(clock, layover, everything), SOON).toEqual([]);
    await expectNothingBroken(layover);
    await expect.poll(() => metric(layover, 'layover_expired_total'), SOON).toBe(everything.length);
    const bytesLater = async () => {
      await clock.advance(MINUTE_MS);
      return metric(layover, 'layover_store_bytes');
    };
    await expect.poll(bytesLater, SOON).toBe(0);

    hub().requests.reset();
    await pullImage(layover, 'library/app', pulling);
    expect(hub().requests.count('cdn-get')).toBe(1 + image.layers.length);
    await expectStored(layover, everything);
  });

  it('stays as long as a manifest that refers to it is used', async () => {
    const clock = new FakeClock();
    await using layover = await startExpiringCache(hub(), { ...TTL, clock });
    await pullImage(layover, 'library/app', { tag: 'latest', layers: [image.config, ...image.layers] });
    hub().requests.reset();
    for (let minute = 0; minute < 27; minute++) {
      await pull(`${layover.url}/v2/library/app/manifests/latest`, { method: 'HEAD' });
      await clock.advance(MINUTE_MS);
    }
    expect(await storedOf(layover, everything)).toEqual(everything);
    await pullImage(layover, 'library/app', { tag: 'latest', layers: [image.config, ...image.layers] });
    expect(hub().requests.all).toEqual([]);
    await expect.poll(() => storedLater(clock, layover, everything), SOON).toEqual([]);
  });

  it('stays for ever with a TTL of 0', async () => {
    const clock = new FakeClock();
    await using cached = await startExpiringCache(hub(), { ...TTL, clock });
    await pullImage(cached, 'library/app', { tag: 'latest', layers: [image.config, ...image.layers] });
    await using never = await startExpiringCache(hub(), { proxy: { ttl: '0' }, clock });
    await pullImage(never, 'library/app', { tag: 'latest', layers: [image.config, ...image.layers] });
    // What came last, and would expire last, shows that the time of the others has come.
    await using witness = await startExpiringCache(hub(), { ...TTL, clock });
    await pullBlob(witness, 'library/one', shared.digest);
    await expect.poll(() => storedLater(clock, witness, [shared.digest]), SOON).toEqual([]);
    await expect.poll(() => storedLater(clock, cached, everything), SOON).toEqual([]);
    expect(await storedOf(never, everything)).toEqual(everything);
  });
});

describe('a blob of two repositories', () => {
  it('is whole for one while the other forgets it, and is gone when both have (distribution #2367)', async () => {
    const clock = new FakeClock();
    await using layover = await startExpiringCache(hub(), { ...TTL, clock });
    for (const repository of ['library/one', 'library/two']) {
      expect(await pullBlob(layover, repository, shared.digest)).toMatchObject({ digest: shared.digest });
      await expectStored(layover, [shared.digest]);
      await clock.advance(MINUTE_MS);
    }
    hub().requests.reset();
    // One is used until the other has expired; every response meanwhile is complete.
    await expect
      .poll(async () => {
        const pulled = await pullBlob(layover, 'library/one', shared.digest);
        expect(pulled).toMatchObject({ status: 200, complete: true, size: shared.size, digest: shared.digest });
        await clock.advance(MINUTE_MS);
        return metric(layover, 'layover_expired_total');
      }, SOON)
      .toBe(1);
    expect(await pullBlob(layover, 'library/one', shared.digest)).toMatchObject({
      digest: shared.digest,
      headers: { 'x-cache': 'HIT' },
    });
    expect(hub().requests.all).toEqual([]);
    expect(await storedOf(layover, [shared.digest])).toEqual([shared.digest]);

    await expect.poll(() => storedLater(clock, layover, [shared.digest]), SOON).toEqual([]);
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
    await using layover = await startExpiringCache(hub(), { proxy: { ttl: '3s' }, ownProcess: true });
    await pullImage(layover, 'library/app', { tag: 'latest', layers: [image.config, ...image.layers] });
    await expectStored(layover, everything);
    await layover.kill('SIGKILL');
    await layover.restart();
    await expect.poll(() => storedOf(layover, everything), SOON).toEqual([]);
    await expectNothingBroken(layover);
    expect(layover.output).not.toMatch('index rebuilt');
  });
});
