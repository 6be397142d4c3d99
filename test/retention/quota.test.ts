import { describe, expect, it } from 'vitest';

import { QuotaFullError } from '../../src/retention/quota.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { storeUnderTest } from './store-under-test.ts';

const layer = (seed: string, size = 100_000) => Buffer.alloc(size, seed);
const quota = (size: number) => ({ quota: { size, low: 0.8, high: 1 } });

/** A blob that is about to be fetched. */
const coming = digestOf(Buffer.from('coming'));

describe('a store above its quota', () => {
  it('loses the least recently used images, whole, until the low mark is reached', async () => {
    await using made = await storeUnderTest(quota(450_000));
    const images = [];
    for (const name of ['a', 'b', 'c', 'd']) images.push(await made.putImage('docker.io/x', name, [layer(name)]));
    const [a, b, c, d] = images as [(typeof images)[0], (typeof images)[0], (typeof images)[0], (typeof images)[0]];
    await made.recorder.flush();
    made.clock.now += 60_000;
    made.recorder.used('docker.io/x', a.digest, 'manifest', 1);
    expect((await made.index.totals()).bytes).toBeLessThan(450_000);

    await made.housekeeping.quota?.reserve('fill', coming, 100_000);
    // Down to 360 000 bytes: three images may stay.
    expect(await made.stored(b.all)).toEqual([]);
    expect(await made.stored([...c.all, ...d.all, ...a.all])).toEqual([...c.all, ...d.all, ...a.all]);
    expect((await made.store.tags.list('docker.io/x'))?.entries).toEqual(['a', 'c', 'd']);
    expect(made.reported).toContain('quota enforced');
  });

  it('keeps what another image of the repository, or another repository, still needs', async () => {
    await using made = await storeUnderTest(quota(1_000_000));
    const shared = layer('s');
    const first = await made.putImage('docker.io/x', 'first', [shared, layer('1')]);
    const second = await made.putImage('docker.io/x', 'second', [shared, layer('2')]);
    const other = await made.putImage('docker.io/y', 'other', [layer('1')]);
    await made.recorder.flush();
    const pinned = await made.housekeeping.pins.current();
    const evict = () => made.housekeeping.eviction.evictOldest(pinned, made.clock.now + 1);

    expect(await evict()).toMatchObject({ references: 3 });
    expect(await made.stored(first.layers)).toEqual(first.layers);
    expect(await made.store.blobs.stat('docker.io/x', first.layers[1] ?? first.digest)).toBeUndefined();
    expect(await made.store.blobs.stat('docker.io/y', first.layers[1] ?? first.digest)).toBe(100_000);
    await evict();
    expect(await made.stored(second.all)).toEqual([]);
    expect(await made.stored(other.all)).toEqual(other.all);
    await evict();
    expect(await made.index.totals()).toEqual({ bytes: 0, digests: 0, references: 0, repositories: 0 });
  });

  it('keeps pins, and reports that it cannot free enough space', async () => {
    await using made = await storeUnderTest({ ...quota(250_000), pins: ['docker.io/**:lts'] });
    const lts = await made.putImage('docker.io/x', 'lts', [layer('l')]);
    const other = await made.putImage('docker.io/x', 'other', [layer('o')]);
    await made.index.pin({ pattern: 'docker.io/y', pinnedAt: 0 });
    const commanded = await made.putImage('docker.io/y', 'any', [layer('c', 40_000)]);
    made.clock.now += 60_000;
    await expect(made.housekeeping.quota?.reserve('fill', coming, 120_000)).rejects.toThrow(QuotaFullError);
    expect(await made.stored(other.all)).toEqual([]);
    expect(await made.stored([...lts.all, ...commanded.all])).toEqual([...lts.all, ...commanded.all]);
    expect(made.reported).toContain('quota missed');
    await expect(made.housekeeping.quota?.reserve('fill', coming, 100_000)).resolves.toBeUndefined();
  });

  it('evicts nothing for a blob that could never fit', async () => {
    await using made = await storeUnderTest(quota(250_000));
    const image = await made.putImage('docker.io/x', 'any', [layer('a')]);
    made.clock.now += 60_000;
    await expect(made.housekeeping.quota?.reserve('fill', coming, 250_001)).rejects.toThrow(QuotaFullError);
    expect(await made.stored(image.all)).toEqual(image.all);
  });

  it('keeps content that a fill is about to replace, and hosted content', async () => {
    await using made = await storeUnderTest({ ...quota(120_000), isHosted: (repository) => repository === 'team/app' });
    const hosted = await made.putImage('team/app', 'v1', [layer('h', 10_000)]);
    const filling = await made.putImage('docker.io/x', 'any', [layer('f')]);
    made.filling.add(filling.layers[0] ?? filling.digest);
    made.clock.now += 60_000;
    await made.housekeeping.quota?.reserve('fill', coming, 50_000).catch(() => {});
    expect(await made.stored(hosted.all)).toEqual(hosted.all);
    expect(await made.stored(filling.all)).toEqual(filling.layers);
  });
});

describe('space for work that no client waits for', () => {
  const HOUR_MS = 3_600_000;
  const blob = (seed: string, size: number) => ({ digest: digestOf(Buffer.from(seed)), size });

  it('is not made of what clients used lately', async () => {
    await using made = await storeUnderTest(quota(450_000));
    const old = await made.putImage('docker.io/x', 'old', [layer('a')]);
    await made.recorder.flush();
    made.clock.now += 49 * HOUR_MS;
    const recent = await made.putImage('docker.io/x', 'recent', [layer('b')]);
    await made.recorder.flush();
    made.clock.now += 20 * HOUR_MS;
    const { quota: space } = made.housekeeping;
    await expect(space?.reserveInBackground([blob('1', 200_000), blob('2', 200_000)])).rejects.toThrow(QuotaFullError);
    expect(await made.stored(old.all)).toEqual([]);
    expect(await made.stored(recent.all)).toEqual(recent.all);
    // Nothing stays reserved, and a client gets the space.
    await expect(space?.reserve('fill', coming, 440_000)).resolves.toBeUndefined();
    expect(await made.stored(recent.all)).toEqual([]);
  });

  it('is not made by a client that reserves meanwhile', async () => {
    await using made = await storeUnderTest(quota(450_000));
    const recent = await made.putImage('docker.io/x', 'recent', [layer('a'), layer('b')]);
    await made.recorder.flush();
    made.clock.now += HOUR_MS;
    const { quota: space } = made.housekeeping;
    const warm = space?.reserveInBackground([blob('1', 400_000)]);
    const fill = space?.reserve('fill', coming, 10_000);
    await expect(warm).rejects.toThrow(QuotaFullError);
    await expect(fill).resolves.toBeUndefined();
    expect(await made.stored(recent.all)).toEqual(recent.all);
    expect(made.reported).not.toContain('quota enforced');
  });

  it('is recorded as older, so that clients get it back first', async () => {
    await using made = await storeUnderTest(quota(450_000));
    const used = await made.putImage('docker.io/x', 'used', [layer('a')]);
    await made.recorder.flush();
    made.clock.now += HOUR_MS;
    const ended = made.recorder.fetching('docker.io/x', digestOf(layer('w')));
    await made.putImage('docker.io/x', 'warm', [layer('w')]);
    ended();
    const warm = await made.index.find({ repository: 'docker.io/x', digest: digestOf(layer('w')), kind: 'blob' });
    expect(warm?.lastUsedAt).toBe(made.clock.now - 24 * HOUR_MS);
    expect(await made.stored(used.all)).toEqual(used.all);
  });
});
