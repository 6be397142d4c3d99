import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { storeUnderTest } from './store-under-test.ts';

const bytes = Buffer.alloc(70_000, 'shared');

describe('bytes that are swept while they are linked', () => {
  it('are either there with the link or gone with it, in whatever order that happens', async () => {
    await using made = await storeUnderTest();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 6 }), async (early, late) => {
        const digest = await made.putBlob('docker.io/a', bytes);
        const record = await made.index.find({ repository: 'docker.io/a', digest, kind: 'blob' });
        if (!record) throw new Error('not recorded');
        const pinned = await made.housekeeping.pins.current();
        const turns = async (n: number) => {
          for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve));
        };
        await Promise.all([
          turns(early).then(() => made.housekeeping.eviction.evictBlob(record, pinned)),
          turns(late).then(() => made.store.blobs.link('docker.io/b', digest)),
        ]);
        const linked = await made.store.repositories.isLinked('docker.io/b', { digest, kind: 'blob' });
        expect(await made.store.bytes.size(digest)).toBe(linked ? bytes.length : undefined);
        expect(await made.index.holders(digest)).toEqual(linked ? [{ repository: 'docker.io/b', kind: 'blob' }] : []);
        await made.store.blobs.deleteLink('docker.io/b', digest);
      }),
      { numRuns: 60 },
    );
  });

  it('stay for a link that the index does not have, as long as it is not complete', async () => {
    await using made = await storeUnderTest();
    const digest = await made.putBlob('docker.io/a', bytes);
    await made.putBlob('docker.io/other-program', bytes);
    await made.index.remove([{ repository: 'docker.io/other-program', digest, kind: 'blob' }]);
    const record = await made.index.find({ repository: 'docker.io/a', digest, kind: 'blob' });
    if (!record) throw new Error('not recorded');
    await made.housekeeping.eviction.evictBlob(record, await made.housekeeping.pins.current());
    expect(await made.store.blobs.stat('docker.io/a', digest)).toBeUndefined();
    expect(await made.store.blobs.stat('docker.io/other-program', digest)).toBe(bytes.length);
    expect(await made.index.holders(digest)).toEqual([{ repository: 'docker.io/other-program', kind: 'blob' }]);
  });

  it('go later when the process ended between a reference and its bytes', async () => {
    await using made = await storeUnderTest();
    const digest = await made.putBlob('docker.io/a', bytes);
    await made.index.setMarker('complete', 'yes');
    await made.store.blobs.deleteLink('docker.io/a', digest);
    await made.index.remove([{ repository: 'docker.io/a', digest, kind: 'blob' }]);
    expect(await made.store.bytes.size(digest)).toBe(bytes.length);
    await made.housekeeping.sweepUnreferenced();
    expect(await made.store.bytes.size(digest)).toBeUndefined();
    expect((await made.index.totals()).bytes).toBe(0);
  });
});
