import { describe, expect, it } from 'vitest';

import { storedOf } from '../retention/expiring-cache.ts';
import { Images } from '../support/images.ts';
import type { BuiltImage } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { pull } from './pulling.ts';
import { sharedHub, startCache } from './scene.ts';
import { expectNothingBroken } from './stored-data.ts';

const images = new Images();
const old = images.addIndex('library/app', '1', { layers: [4096], seed: 'old' });
const next = images.addIndex('library/app', '2', { layers: [8192], seed: 'next' });
const other = images.addIndex('library/other', '1', { layers: [4096] });
const hub = sharedHub(images);

const partsOf = (image: BuiltImage) => [image.digest, image.config, ...image.layers];
const cacheThat = (prefetch: object) => startCache(hub(), { upstream: { prefetch, tags: { ttl: '0s', rules: [] } } });
const pullTag = (layover: Layover, name: string) => pull(`${layover.url}/v2/library/${name}/manifests/1`);

async function pullChild(layover: Layover, image: BuiltImage): Promise<void> {
  await pull(`${layover.url}/v2/library/app/manifests/${image.digest}`);
  for (const digest of [image.config, ...image.layers]) await pull(`${layover.url}/v2/library/app/blobs/${digest}`);
}

describe('prefetch of the images of an index', () => {
  it('stores the listed platforms when a client pulls the index', async () => {
    await using layover = await cacheThat({ children: 'platforms', platforms: ['linux/arm64', 'windows/amd64'] });
    expect(await pullTag(layover, 'app')).toMatchObject({ status: 200, digest: old.digest });
    const wanted = partsOf(old.images.arm64);
    await expect.poll(() => storedOf(layover, wanted)).toEqual(wanted);
    expect(await storedOf(layover, partsOf(old.images.amd64))).toEqual([]);
    await expectNothingBroken(layover);
  });

  it('stores the platforms that were pulled before, when the tag has moved', async () => {
    await using layover = await cacheThat({ children: 'pulled' });
    await pullTag(layover, 'app');
    await pullChild(layover, old.images.amd64);
    await layover.settled();
    hub().setTag('library/app', '1', next.digest);
    expect(await pullTag(layover, 'app')).toMatchObject({ digest: next.digest });
    const wanted = partsOf(next.images.amd64);
    await expect.poll(() => storedOf(layover, wanted)).toEqual(wanted);
    expect(await storedOf(layover, partsOf(next.images.arm64))).toEqual([]);
    // Nothing was pulled of this repository before.
    await pullTag(layover, 'other');
    await layover.settled();
    expect(
      hub()
        .requests.of('manifest-get')
        .map(({ reference }) => reference),
    ).not.toContain(other.images.amd64.digest);
  });

  it('stores nothing more by default', async () => {
    await using layover = await startCache(hub());
    await pullTag(layover, 'other');
    await layover.settled();
    expect(hub().requests.of('manifest-get')).toHaveLength(1);
  });

  it.each([{ children: 'platforms' }, { platforms: ['linux/amd64'] }])('refuses %j', async (prefetch) => {
    await expect(cacheThat(prefetch)).rejects.toThrow('children: platforms and a list of platforms need each other');
  });
});
