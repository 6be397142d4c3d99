import { describe, expect, it } from 'vitest';

import { expectNothingBroken } from '../integration/stored-data.ts';
import { sharedHub } from '../integration/scene.ts';
import { seededContent } from '../support/content.ts';
import { Images } from '../support/images.ts';
import { metric, pullBlob, startExpiringCache } from './expiring-cache.ts';
import { sampleSizes } from './sampled-sizes.ts';

const MIB = 1024 * 1024;
const QUOTA = 24 * MIB;
const BLOB = 4 * MIB;
const images = new Images();
const cold = Array.from({ length: 60 }, (_, i) => images.addBlob('library/cold', seededContent(`cold ${i}`, BLOB)));
const hot = Array.from({ length: 3 }, (_, i) => images.addBlob('library/hot', seededContent(`hot ${i}`, MIB)));
const hub = sharedHub(images, { redirectBlobs: false });

describe('a store with a quota, under many pulls', () => {
  it('never holds more than its quota and one spool, and every response is right', async () => {
    await using layover = await startExpiringCache(hub(), {
      storage: { quota: { size: `${QUOTA}`, low: 0.7 } },
      proxy: { fills: { maxconcurrent: 4 } },
    });
    await using sizes = sampleSizes(layover.dataDirectory);
    const wanted = [...cold];
    let hits = 0;
    const fillStorm = Array.from({ length: 4 }, async () => {
      for (let blob = wanted.pop(); blob; blob = wanted.pop()) {
        expect(await pullBlob(layover, 'library/cold', blob.digest)).toMatchObject({
          complete: true,
          digest: blob.digest,
        });
      }
    });
    const isOver = Promise.all(fillStorm);
    let isRunning = true;
    void isOver.finally(() => (isRunning = false)).catch(() => {}); // awaited below
    const hitStorm = Array.from({ length: 4 }, async () => {
      while (isRunning) {
        const blob = hot[hits++ % hot.length] ?? cold[0];
        expect(await pullBlob(layover, 'library/hot', blob?.digest ?? ('' as never))).toMatchObject({
          digest: blob?.digest,
        });
      }
    });
    await Promise.all([isOver, ...hitStorm]);
    await layover.settled();

    expect(sizes.taken).toBeGreaterThan(20);
    expect(sizes.largest).toBeGreaterThan(QUOTA / 2);
    expect(sizes.largest).toBeLessThanOrEqual(QUOTA + BLOB);
    expect(await metric(layover, 'layover_evicted_total')).toBeGreaterThan(30);
    expect(await metric(layover, 'layover_store_quota_bytes')).toBe(QUOTA);
    await expectNothingBroken(layover);
    const stored = (await layover.visibleBlobs()).reduce((sum, { size }) => sum + size, 0);
    await expect.poll(() => metric(layover, 'layover_store_bytes')).toBe(stored);
  }, 90_000);

  it('still serves blobs that cannot be stored', async () => {
    await using layover = await startExpiringCache(hub(), { storage: { quota: { size: `${BLOB - 1}` } } });
    for (const blob of cold.slice(0, 2)) {
      expect(await pullBlob(layover, 'library/cold', blob.digest)).toMatchObject({
        digest: blob.digest,
        headers: { 'x-cache': 'BYPASS' },
      });
    }
    expect(await layover.visibleBlobs()).toEqual([]);
  });
});
