import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { canMount, smallDisk } from '../storage/filesystem/small-disk.ts';
import { seededContent } from '../support/content.ts';
import { Images } from '../support/images.ts';
import { ask, finish, pull } from './pulling.ts';
import { sharedHub, startCache } from './scene.ts';
import { expectNotStored, expectStored } from './stored-data.ts';

const MIB = 1024 * 1024;
const NAME = 'library/app';
const images = new Images();
const image = images.addImage(NAME, '1');
const small = images.addBlob(NAME, seededContent('small', 1 * MIB));
const large = images.addBlob(NAME, seededContent('large', 12 * MIB));
const hub = sharedHub(images);

const mountable = await canMount();
if (!mountable) console.warn('this user may not mount a tmpfs: the tests of pulls on a full disk are skipped');

/** Fills the disk but for so many bytes. @returns frees them again */
async function takeSpace(directory: string, leave: number): Promise<() => Promise<void>> {
  const { bavail, bsize } = await statfs(directory);
  const ballast = join(directory, 'ballast');
  // What the cache writes meanwhile may take the last of it first, which is full enough.
  await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leave))).catch((err: NodeJS.ErrnoException) => {
    if (err.code !== 'ENOSPC') throw err;
  });
  return () => rm(ballast);
}

/** Skipped where file systems can not be mounted: it takes root. */
describe.skipIf(!mountable)('a disk that is full', () => {
  it('does not interrupt the pulls it fills up under, and keeps nothing of them', async () => {
    await using disk = await smallDisk('20m');
    await using layover = await startCache(hub(), { ownProcess: true, dataDirectory: disk.path });
    const url = `${layover.url}/v2/${NAME}/blobs`;
    expect(await pull(`${url}/${small.digest}`)).toMatchObject({ complete: true });
    await expectStored(layover, [small.digest]);
    const giveBack = await takeSpace(disk.path, 5 * MIB);

    const answers = await Promise.all([1, 2, 3].map(() => ask(`${url}/${large.digest}`)));
    for (const answer of answers) {
      expect(await finish(answer)).toMatchObject({ status: 200, complete: true, digest: large.digest });
    }
    await expect.poll(() => layover.spools()).toEqual([]);
    await expectNotStored(layover, [large.digest]);

    const bypassed = await pull(`${url}/${large.digest}`);
    expect(bypassed).toMatchObject({ complete: true, digest: large.digest, headers: { 'x-cache': 'BYPASS' } });
    expect(await pull(`${url}/${small.digest}`)).toMatchObject({ digest: small.digest, headers: { 'x-cache': 'HIT' } });

    await giveBack();
    const cached = async () => (await pull(`${url}/${large.digest}`)).headers['x-cache'];
    await expect.poll(cached, { timeout: 20_000, interval: 500 }).toBe('HIT');
    await expectStored(layover, [small.digest, large.digest]);
  });

  it('to the last byte passes manifests and blobs through, also after a restart', async () => {
    await using disk = await smallDisk('20m');
    await using layover = await startCache(hub(), { ownProcess: true, dataDirectory: disk.path });
    const giveBack = await takeSpace(disk.path, 0);
    const pullAll = async () => {
      for (const reference of ['1', image.digest]) {
        const manifest = await pull(`${layover.url}/v2/${NAME}/manifests/${reference}`);
        expect(manifest).toMatchObject({ status: 200, digest: image.digest });
      }
      const blob = await pull(`${layover.url}/v2/${NAME}/blobs/${small.digest}`);
      expect(blob).toMatchObject({ status: 200, complete: true, digest: small.digest });
    };
    await pullAll();
    await layover.restart();
    await pullAll();
    await expectNotStored(layover, [image.digest, small.digest]);

    await giveBack();
    await layover.restart();
    await pullAll();
    await expectStored(layover, [image.digest, small.digest]);
  });
});
