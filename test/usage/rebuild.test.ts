import { rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { rebuildIndex } from '../../src/usage/rebuild.ts';
import { sharedHub } from '../integration/scene.ts';
import { expectNothingBroken, expectStored } from '../integration/stored-data.ts';
import { writeDistributionLayout } from '../support/distribution-layout.ts';
import { Images } from '../support/images.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { cacheCommand } from '../retention/command.ts';
import { pullImage, startExpiringCache, storedOf } from '../retention/expiring-cache.ts';
import { storeUnderTest } from '../retention/store-under-test.ts';

const images = new Images();
const image = images.addImage('library/app', 'latest', { layers: [4096] });
const other = images.addImage('library/other', 'latest', { layers: [2048] });
const everything = [image.digest, image.config, ...image.layers];
const others = [other.digest, other.config, ...other.layers];
const hub = sharedHub(images);
const SOON = { timeout: 20_000, interval: 100 };

describe('layover index rebuild', () => {
  it.each(['running', 'stopped'])('of a %s server has exactly the stored content afterwards', async (state) => {
    await using layover = await startExpiringCache(hub());
    await pullImage(layover, 'library/app', { tag: 'latest', layers: [image.config, ...image.layers] });
    await expectStored(layover, everything);
    await rm(join(layover.dataDirectory, 'docker/registry/v2/repositories/docker.io/library/app/_layers'), {
      recursive: true,
    });
    if (state === 'stopped') {
      await layover.kill('SIGTERM');
      await rm(join(layover.dataDirectory, 'layover/index'), { recursive: true });
    }
    const { code, stdout, stderr } = await cacheCommand(layover, 'index', 'rebuild');
    expect(code).toBe(0);
    const removed = state === 'stopped' ? 0 : everything.length - 1;
    const added = state === 'stopped' ? 1 : 0;
    expect(stdout).toMatch(`the index is complete: 1 references to`);
    expect(stdout).toMatch(`(${added} added, ${removed} removed)`);
    if (state === 'stopped') expect(stderr).toMatch(/^repositories: 0 of 1 \(0%\)$/m);
  });

  it.each(['running', 'stopped'])(
    'of a %s server does not call the index complete when something cannot be read',
    async (state) => {
      await using layover = await startExpiringCache(hub());
      await pullImage(layover, 'library/app', { tag: 'latest', layers: [image.config, ...image.layers] });
      await expectStored(layover, everything);
      const { path = '' } = (await layover.visibleBlobs()).find(({ digest }) => digest === image.layers[0]) ?? {};
      await rm(path);
      await symlink('data', path);
      if (state === 'stopped') await layover.kill('SIGTERM');
      const { code, stdout } = await cacheCommand(layover, 'index', 'rebuild');
      expect(code).toBe(2);
      expect(stdout).toMatch(`the index is incomplete`);
      expect(stdout).toMatch(`cannot be read: ${path.slice(layover.dataDirectory.length)}`);
      // Content that exists but cannot be read stays in the index.
      expect(stdout).toMatch(`${everything.length} references to`);
      expect(stdout).toMatch('(0 added, 0 removed)');
      expect((await cacheCommand(layover, 'cache', 'stats')).stdout).toContain(
        'incomplete (run: layover index rebuild)',
      );
      await rm(path);
      const repaired = await cacheCommand(layover, 'index', 'rebuild', '--json');
      expect({ code: repaired.code, ...JSON.parse(repaired.stdout) }).toMatchObject({
        code: 0,
        unreadable: [],
        removed: 1,
      });
    },
  );

  it('counts every byte, and finds those without links', async () => {
    await using made = await storeUnderTest();
    const put = await made.putImage('docker.io/a', 'latest', [Buffer.alloc(1000, 'a')]);
    await made.putImage('docker.io/b', 'latest', [Buffer.alloc(1000, 'a')]);
    const orphan = await made.putBlob('docker.io/c', Buffer.alloc(500, 'orphan'));
    await made.store.blobs.deleteLink('docker.io/c', orphan);
    const before = await made.index.totals();
    await made.index.remove(await made.index.page({ limit: 100 }));
    for (const digest of [...put.all, orphan]) await made.index.bytesRemoved(digest);
    const { index, parts, store } = made;
    const result = await rebuildIndex({ index, parts, store, lastUsedAt: () => 5 });
    expect(result).toMatchObject({ added: 6, bytes: before.bytes, references: 6 });
    expect(await index.partsOf(put.digest)).toEqual([put.config, ...put.layers]);
    expect(await index.unreferencedDigests({ limit: 10 })).toEqual([orphan]);
    await made.housekeeping.sweepUnreferenced();
    expect(await made.stored([orphan, ...put.all])).toEqual(put.all);
  });
});

describe('a directory that distribution has filled', () => {
  it('expires when distribution would have removed it, completely, with manifest bytes and tags', async () => {
    await using directory = await temporaryDirectory();
    const dataDirectory = join(directory.path, 'data');
    await writeDistributionLayout(dataDirectory, images);
    const ttlMs = 3_600_000;
    const entry = (digest: string, type: number, at: number) => [
      `library/app@${digest}`,
      { Key: `library/app@${digest}`, ExpiryData: new Date(at).toISOString(), EntryType: type },
    ];
    const overdue = Date.now() - 1_000;
    const state = [entry(image.digest, 1, overdue), ...everything.slice(1).map((digest) => entry(digest, 0, overdue))];
    await writeFile(join(dataDirectory, 'scheduler-state.json'), JSON.stringify(Object.fromEntries(state)));

    await using layover = await startExpiringCache(hub(), {
      dataDirectory,
      proxy: { ttl: `${ttlMs}ms`, upstreams: undefined, remoteurl: hub().url },
    });
    await expect.poll(() => storedOf(layover, everything), SOON).toEqual([]);
    expect(await storedOf(layover, others)).toEqual(others);
    await expectNothingBroken(layover);
  });
});
