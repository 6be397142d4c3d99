import { lstat, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { sharedHub } from '../integration/scene.ts';
import { expectNothingBroken, expectStored } from '../integration/stored-data.ts';
import { seededContent } from '../support/content.ts';
import { filesBelow } from '../support/data-directory.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { cacheCommand } from './command.ts';
import { metric, pullBlob, startExpiringCache } from './expiring-cache.ts';
import { storeUnderTest } from './store-under-test.ts';

const images = new Images();
const good = images.addBlob('library/app', seededContent('good', 400_000));
const bad = images.addBlob('library/app', seededContent('bad', 500_000));
const hub = sharedHub(images);

/** Bit rot: same size, same times. */
async function rot(layover: Layover, digest: string): Promise<void> {
  const blob = (await layover.visibleBlobs()).find((visible) => visible.digest === digest);
  const bytes = await readFile(blob?.path ?? '');
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  await writeFile(blob?.path ?? '', bytes);
}

describe('a scrub', () => {
  it.each(['running', 'stopped'])(
    'of a %s server moves a large blob with changed bytes to quarantine, and the next pull fetches it again',
    async (state) => {
      await using layover = await startExpiringCache(hub());
      for (const { digest } of [good, bad]) await pullBlob(layover, 'library/app', digest);
      await expectStored(layover, [good.digest, bad.digest]);
      await rot(layover, bad.digest);
      if (state === 'stopped') await layover.kill('SIGTERM');

      const { code, stdout } = await cacheCommand(layover, 'cache', 'scrub', '--wait', '--json');
      expect({ code, ...JSON.parse(stdout) }).toMatchObject({
        code: 2,
        running: false,
        blobs: 2,
        damaged: [bad.digest],
      });
      expect((await layover.visibleBlobs()).map(({ digest }) => digest)).toEqual([good.digest]);
      const aside = await filesBelow(join(layover.dataDirectory, 'layover/quarantine'));
      expect(aside.map((path) => path.slice(-64))).toEqual([bad.digest.slice(-64)]);

      if (state === 'stopped') await layover.restart();
      else {
        expect(await metric(layover, 'layover_scrub_damaged_total')).toBe(1);
        await layover.waitForOutput(/damaged blob quarantined/);
      }
      expect(await pullBlob(layover, 'library/app', bad.digest)).toMatchObject({
        complete: true,
        digest: bad.digest,
        headers: { 'x-cache': 'MISS' },
      });
      await expectStored(layover, [good.digest, bad.digest]);
      await expectNothingBroken(layover);
      const again = await cacheCommand(layover, 'cache', 'scrub', '--wait');
      expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching('none damaged') as string });
    },
  );

  it.each(['running', 'stopped'])('of a %s server skips unreadable bytes, and reports them', async (state) => {
    await using layover = await startExpiringCache(hub());
    for (const { digest } of [good, bad]) await pullBlob(layover, 'library/app', digest);
    await expectStored(layover, [good.digest, bad.digest]);
    const { path = '' } = (await layover.visibleBlobs()).find(({ digest }) => digest === bad.digest) ?? {};
    await rm(path);
    await symlink('data', path);
    if (state === 'stopped') await layover.kill('SIGTERM');
    const { code, stdout } = await cacheCommand(layover, 'cache', 'scrub', '--wait', '--json');
    const status = JSON.parse(stdout) as object;
    expect({ code, ...status }).toMatchObject({
      code: 2,
      blobs: 1,
      damaged: [],
      unreadable: [bad.digest],
      progress: 1,
    });
    expect(status).not.toHaveProperty('error');
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
  });

  it('reads no faster than it may', async () => {
    await using made = await storeUnderTest({ scrub: { rate: 1_000_000, intervalMs: 0 } });
    await made.putBlob('docker.io/a', Buffer.alloc(300_000, 'a'));
    const startedAt = performance.now();
    // The clock of the store stands still, so that the whole time is waited for.
    made.housekeeping.scrub.start();
    await made.housekeeping.scrub.idle();
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(290);
    expect(made.housekeeping.scrub.status).toMatchObject({ blobs: 1, bytes: 300_000, damaged: [] });
  });

  it('that was interrupted continues where it was', async () => {
    await using made = await storeUnderTest();
    for (let i = 0; i < 60; i++) await made.putBlob('docker.io/a', Buffer.from(`blob ${i}`));
    const digests = [];
    for await (const { digest } of made.store.bytes.walk({})) digests.push(digest);
    await made.index.setMarker('scrub-cursor', digests[49]);
    made.housekeeping.scrub.start();
    await made.housekeeping.scrub.idle();
    expect(made.housekeeping.scrub.status).toMatchObject({ blobs: 10, damaged: [], progress: 1 });
    expect(await made.index.marker('scrub-cursor')).toBeUndefined();
    expect(await made.index.marker('scrubbed-at')).toBe(String(made.clock.now));
  });
});
