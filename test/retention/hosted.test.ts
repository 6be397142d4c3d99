import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import type { Digest } from '../../src/oci/digest.ts';
import { sharedHub } from '../integration/scene.ts';
import { pull } from '../integration/pulling.ts';
import { expectNothingBroken, expectStored } from '../integration/stored-data.ts';
import { seededContent } from '../support/content.ts';
import { writeDistributionLayout } from '../support/distribution-layout.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { cacheCommand } from './command.ts';
import { metric, pullBlob, pullImage, startExpiringCache, storedOf } from './expiring-cache.ts';

const SOON = { timeout: 30_000, interval: 100 };
const shared = seededContent('in both', 100_000);

const upstream = new Images();
const cached = upstream.addImage('library/app', 'latest', { layers: [4096] });
upstream.addBlob('library/app', shared);
const pulled = [cached.digest, cached.config, ...cached.layers];
const pulling = { tag: 'latest', layers: [cached.config, ...cached.layers, shared.digest] };

const pushed = new Images();
const own = pushed.addImage('team/app', '1', { layers: [50_000] });
pushed.addBlob('team/app', shared);
const hosted: Digest[] = [own.digest, own.config, ...own.layers, shared.digest];

const hub = sharedHub(upstream);

/** A directory with pushed content. */
async function seeded() {
  const directory = await temporaryDirectory();
  const dataDirectory = join(directory.path, 'data');
  await writeDistributionLayout(dataDirectory, pushed);
  return { dataDirectory, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

async function expectServed(layover: Layover): Promise<void> {
  expect(await pull(`${layover.url}/v2/team/app/manifests/1`)).toMatchObject({ status: 200, complete: true });
  for (const digest of hosted.slice(1))
    expect(await pullBlob(layover, 'team/app', digest)).toMatchObject({ status: 200, digest });
}

describe('content that was pushed here', () => {
  it('outlives a TTL of a second, with the bytes that it shares with what expires', async () => {
    await using seed = await seeded();
    const clock = new FakeClock();
    await using layover = await startExpiringCache(hub(), { ...seed, proxy: { ttl: '1s', hosted: ['team/*'] }, clock });
    await layover.waitForOutput(/index rebuilt/);
    await pullImage(layover, 'library/app', pulling);
    const expiredLater = async () => {
      await clock.advance(500);
      return metric(layover, 'layover_expired_total');
    };
    await expect.poll(expiredLater, SOON).toBe(pulled.length + 1);
    expect(await storedOf(layover, pulled)).toEqual([]);
    await expectServed(layover);
    await expectStored(layover, hosted);
    const { stdout } = await cacheCommand(layover, 'cache', 'list', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ entries: [{ repository: 'team/app', tags: ['1'], hosted: true }] });
    const { stderr } = await cacheCommand(layover, 'cache', 'evict', 'team/app:1');
    expect(stderr).toMatch(/not from a configured upstream/);
    await expectNothingBroken(layover);
  });

  it('is removed only by `cache evict --force`, without the bytes that others use', async () => {
    await using seed = await seeded();
    await using layover = await startExpiringCache(hub(), { ...seed, proxy: { hosted: ['team/*'] } });
    await layover.waitForOutput(/index rebuilt/);
    await pullBlob(layover, 'library/app', shared.digest);
    await expectStored(layover, [shared.digest]);
    const refused = await cacheCommand(layover, 'cache', 'evict', 'team/app');
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/cannot be fetched again.*use --force/) });
    await expectServed(layover);
    const { stdout } = await cacheCommand(layover, 'cache', 'evict', 'team/**', '--force');
    expect(stdout).toContain(`evicted ${hosted.length} manifests and blobs`);
    expect(await storedOf(layover, hosted)).toEqual([shared.digest]);
    expect((await pull(`${layover.url}/v2/team/app/manifests/1`)).status).toBe(404);
    expect(await pullBlob(layover, 'library/app', shared.digest)).toMatchObject({ status: 200 });
    await expectNothingBroken(layover);
  });

  it('is not evicted by a quota that it alone exceeds; pulled content streams through', async () => {
    await using seed = await seeded();
    const options = { ...seed, proxy: { hosted: ['team/*'] }, storage: { quota: { size: 60_000 } } };
    await using layover = await startExpiringCache(hub(), options);
    await layover.waitForOutput(/index rebuilt/);
    await pullImage(layover, 'library/app', pulling);
    await layover.waitForOutput(/quota exceeded/);
    await expect.poll(() => storedOf(layover, pulled), SOON).toEqual([]);
    await expectServed(layover);
    await expectStored(layover, hosted);
  });

  it('is never removed in a plain registry, because of neither age nor quota', async () => {
    await using seed = await seeded();
    const config = {
      storage: { quota: { size: 1_000 } },
      http: { debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } },
    };
    await using layover = await Layover.start({ ...seed, config });
    await layover.waitForOutput(/index rebuilt/);
    await expectServed(layover);
    const { stdout } = await cacheCommand(layover, 'cache', 'stats', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ complete: true, ttlMs: 0 });
    expect(await metric(layover, 'layover_evicted_total')).toBe(0);
    await expectStored(layover, hosted);
  });

  it('stays together with cached content in offline mode, whatever its age', async () => {
    await using seed = await seeded();
    const clock = new FakeClock();
    const storedLater = async (layover: Layover) => {
      await clock.advance(500);
      return storedOf(layover, pulled);
    };
    await using layover = await startExpiringCache(hub(), { ...seed, proxy: { ttl: '1h', hosted: ['team/*'] }, clock });
    await layover.waitForOutput(/index rebuilt/);
    await pullImage(layover, 'library/app', pulling);
    await expectStored(layover, [...pulled, ...hosted]);
    await layover.kill('SIGTERM');

    const proxy = { ttl: '1s', hosted: ['team/*'] };
    await using offline = await startExpiringCache(hub(), { ...seed, proxy: { ...proxy, offline: true }, clock });
    // What came last, and would expire last, shows that the time of the others has come.
    await using witness = await startExpiringCache(hub(), { proxy, clock });
    await pullImage(witness, 'library/app', pulling);
    await expect.poll(() => storedLater(witness), SOON).toEqual([]);
    expect(await metric(offline, 'layover_expired_total')).toBe(0);
    expect(await storedOf(offline, pulled)).toEqual(pulled);
    await offline.kill('SIGTERM');

    // It was not for want of knowing how old they are.
    await using online = await startExpiringCache(hub(), { ...seed, proxy, clock });
    await expect.poll(() => storedLater(online), SOON).toEqual([]);
    await expectServed(online);
  });
});
