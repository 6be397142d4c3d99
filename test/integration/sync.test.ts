import { describe, expect, it } from 'vitest';

import type { JobStatus } from '../../src/operations/job-control.ts';
import { storedOf } from '../retention/expiring-cache.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Images } from '../support/images.ts';
import { pull } from './pulling.ts';
import { sharedHub } from './scene.ts';
import { expectNothingBroken } from './stored-data.ts';
import { outcomesOf, startSync } from './sync-scene.ts';

const images = new Images();
const app = Object.fromEntries(
  ['1.0', '1.1', '1.2', '1.2-alpine', '1.3-rc1', 'latest'].map((tag) => [tag, images.addImage('library/app', tag)]),
);
const other = images.addImage('library/other', '1', { layers: [4096] });
const big = images.addImage('library/big', '1', { layers: [3_000_000] });
const [old, multi] = [images.addIndex('library/multi', '1'), images.addIndex('library/multi', '2')];
const hub = sharedHub(images);

const APP = { repositories: ['docker.io/library/app'], tags: { newest: 2 } };
const MULTI = { repositories: ['docker.io/library/multi'], tags: { match: '2' } };
const SELECTED = ['app:1.1', 'app:1.2', 'app:1.2-alpine'];

/** Every selected image with this outcome. */
const all = (outcome: string) => Object.fromEntries(SELECTED.map((name) => [name, outcome]));
const partsOf = (image: typeof other) => [image.digest, image.config, ...image.layers];

/** The upstream lists only these. */
function listOnly(...tags: readonly string[]): void {
  const body = JSON.stringify({ name: 'library/app', tags });
  hub().faults.add({ on: 'tags' }, { answer: { status: 200, headers: { 'content-type': 'application/json' }, body } });
}

describe('a rule of proxy.sync', () => {
  it('fetches the tags it selects; an unchanged run is one list and one HEAD for each tag', async () => {
    await using scene = await startSync(hub(), APP);
    expect(await scene.sync()).toEqual(all('fetched'));
    const wanted = ['1.1', '1.2', '1.2-alpine'].flatMap((tag) => (app[tag] ? partsOf(app[tag]) : []));
    expect(await storedOf(scene.layover, wanted)).toEqual(wanted);
    expect(await storedOf(scene.layover, [app['1.0']?.digest ?? other.digest])).toEqual([]);

    hub().requests.reset();
    expect(await scene.sync()).toEqual(all('present'));
    expect(hub().requests.counts()).toEqual({ tags: 1, 'manifest-head': 3 });
    const [member] = (await scene.control.budget()).upstreams[0]?.members ?? [];
    expect(member?.spent).toEqual({ sync: 3 });
  });

  it('shows what it would do without fetching anything', async () => {
    await using scene = await startSync(hub(), APP);
    const shown = await scene.command('sync', 'base', '--dry-run');
    expect(shown).toEqual({
      code: 0,
      stdout: ['1.2', '1.1', '1.2-alpine'].map((tag) => `docker.io/library/app:${tag}  would be fetched\n`).join(''),
      stderr: 'base: 3 images, 3 would be fetched\n',
    });
    expect(hub().requests.counts()).toEqual({ unauthorized: 1, token: 1, tags: 1, 'manifest-head': 3 });
    expect(await scene.layover.visibleBlobs()).toEqual([]);
    const ran = await scene.command('sync', '--wait', '--json');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout.split('\n').filter(Boolean)).toHaveLength(3);
    const again = await scene.command('sync', '--dry-run');
    expect(again.stderr).toBe('base: 3 images, 3 present\n');
    expect(await scene.command('sync', 'none', '--dry-run')).toMatchObject({
      code: 1,
      stderr: 'layover: proxy.sync has no rule none\n',
    });
    const started = await scene.command('sync', '--json');
    expect(started).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(started.stdout)).toMatchObject({ name: 'base', kind: 'sync' });
  });

  it('fetches a tag that moved, for the platforms of the rule', async () => {
    await using scene = await startSync(hub(), { ...MULTI, platforms: ['linux/arm64'] });
    hub().setTag('library/multi', '2', old.digest);
    expect(await scene.sync()).toEqual({ 'multi:2': 'fetched' });
    hub().setTag('library/multi', '2', multi.digest);
    expect((await scene.command('sync', '--dry-run')).stdout).toMatch(
      /^docker\.io\/library\/multi:2 {2}would move {2}sha256:\w{12} is now sha256:\w{12}\n$/,
    );
    expect(await scene.rows()).toMatchObject([
      { name: 'docker.io/library/multi:2', outcome: 'moved', digest: multi.digest, was: old.digest, spent: 2 },
    ]);
    const wanted = [multi.digest, ...partsOf(multi.images.arm64)];
    expect(await storedOf(scene.layover, wanted)).toEqual(wanted);
    expect(await storedOf(scene.layover, partsOf(multi.images.amd64))).toEqual([]);
    expect((await pull(`${scene.layover.url}/v2/library/multi/manifests/2`)).digest).toBe(multi.digest);
    await expectNothingBroken(scene.layover);
  });

  it('keeps and counts a tag that the upstream no longer lists', async () => {
    await using scene = await startSync(hub(), APP);
    await scene.sync();
    listOnly('1.1', '1.2-alpine', 'latest');
    const rows = await scene.rows();
    expect(rows).toHaveLength(3);
    expect(rows.find(({ outcome }) => outcome === 'gone')).toMatchObject({
      name: 'docker.io/library/app:1.2',
      reason: 'the upstream no longer lists it; the cache keeps it',
    });
    expect(await scene.control.job('base')).toMatchObject({ outcomes: { gone: 1, present: 2 } });
    expect((await scene.command('sync', '--wait')).code).toBe(0);
    expect((await pull(`${scene.layover.url}/v2/library/app/manifests/1.2`)).status).toBe(200);
  });

  it('untags it when the upstream confirms that, also while the tag is fresh', async () => {
    await using scene = await startSync(hub(), { ...APP, gone: 'untag' }, { upstream: { tags: { ttl: '1h' } } });
    await scene.sync();
    listOnly('1.1', '1.2-alpine', 'latest');
    hub().setTag('library/app', '1.2', undefined);
    try {
      expect((await scene.rows()).find(({ outcome }) => outcome === 'gone')).toMatchObject({
        reason: 'the upstream does not have it; the tag was removed',
      });
    } finally {
      hub().setTag('library/app', '1.2', app['1.2']?.digest);
    }
  });

  it('untags it when the upstream confirms that', async () => {
    await using scene = await startSync(
      hub(),
      { ...APP, gone: 'untag' },
      { upstream: { tags: { ttl: '0s', rules: [], onnotfound: 'stale' } } },
    );
    await scene.sync();
    listOnly('1.1', '1.2-alpine', 'latest');
    expect(await scene.sync()).toMatchObject({ 'app:1.2': 'present' });
    hub().setTag('library/app', '1.2', undefined);
    try {
      await scene.control.pin('docker.io/library/app:1.2');
      expect((await scene.rows()).find(({ outcome }) => outcome === 'gone')).toMatchObject({
        reason: 'the upstream does not have it; it is pinned',
      });
      expect((await pull(`${scene.layover.url}/v2/library/app/manifests/1.2`)).status).toBe(200);
      await scene.control.unpin('docker.io/library/app:1.2');
      expect((await scene.rows()).find(({ outcome }) => outcome === 'gone')).toMatchObject({
        name: 'docker.io/library/app:1.2',
        reason: 'the upstream does not have it; the tag was removed',
      });
      expect((await pull(`${scene.layover.url}/v2/library/app/manifests/1.2`)).status).toBe(404);
      const { digest } = app['1.2'] ?? other;
      expect((await pull(`${scene.layover.url}/v2/library/app/manifests/${digest}`)).status).toBe(200);
      expect(await scene.sync()).toEqual({ 'app:1.1': 'present', 'app:1.2-alpine': 'present' });
    } finally {
      hub().setTag('library/app', '1.2', app['1.2']?.digest);
    }
  });
});

describe('a failure', () => {
  it('of one tag costs that tag: 429, silence, a broken layer', async () => {
    await using scene = await startSync(hub(), APP, {
      clock: new FakeClock(),
      upstream: { tags: { ttl: '0s', rules: [] }, timeouts: { headers: '300ms' } },
    });
    const { '1.1': first, '1.2-alpine': third } = app;
    hub().faults.add({ on: 'manifest-get', reference: first?.digest ?? '' }, { answer: { status: 429 } });
    hub().faults.add({ on: 'manifest-head', reference: '1.2' }, { instead: 'hang' });
    hub().faults.wrongBytes(third?.layers[0] ?? other.digest, 10);
    const rows = await scene.rows();
    expect(outcomesOf(rows)).toEqual({ 'app:1.1': 'held', 'app:1.2': 'failed', 'app:1.2-alpine': 'failed' });
    expect(rows.every(({ reason }) => reason !== undefined)).toBe(true);
    await expectNothingBroken(scene.layover);
    hub().faults.clear();
    await expect
      .poll(() => scene.sync())
      .toEqual({
        'app:1.1': expect.stringMatching(/fetched|present/),
        'app:1.2': 'present',
        'app:1.2-alpine': 'present',
      });
  });

  it('of a list costs that repository, and no cached tag', async () => {
    const rule = {
      repositories: ['docker.io/library/app', 'docker.io/library/other'],
      tags: { match: '1(?:\\.[12])?' },
    };
    await using scene = await startSync(hub(), { ...rule, gone: 'untag' });
    await scene.sync();
    hub().faults.add({ on: 'tags', times: 1 }, { answer: { status: 401 } });
    const rows = await scene.rows();
    expect(rows).toMatchObject([
      { name: 'docker.io/library/app', outcome: 'failed' },
      { name: 'docker.io/library/other:1', outcome: 'present' },
    ]);
    await hub().stop();
    expect(await scene.sync()).toEqual({ app: 'failed', other: 'failed' });
    expect((await scene.command('sync', '--dry-run')).code).toBe(1);
    expect(await storedOf(scene.layover, [other.digest])).toEqual([other.digest]);
    expect((await pull(`${scene.layover.url}/v2/library/app/manifests/1.2`)).status).toBe(200);
  });
});

describe('the bandwidth of a rule', () => {
  it('limits what it fetches, and not a client that waits for the same blob', async () => {
    const clock = new FakeClock();
    const rule = { repositories: ['docker.io/library/big'], tags: { match: '1' }, bandwidth: '100KB' };
    await using scene = await startSync(hub(), rule, { clock });
    await scene.control.runJob('base');
    const layer = big.layers[1] ?? big.digest;
    await expect.poll(() => hub().requests.count('cdn-get')).toBeGreaterThan(0);
    const startedAt = clock.now();
    await clock.advance(2_000);
    expect(await scene.control.job('base')).toMatchObject({ running: true, done: 0 });
    await expect
      .poll(async () => {
        await clock.advance(1_000);
        return (await scene.control.job('base')).active[0]?.bytes ?? 0;
      })
      .toBeGreaterThan(0);
    expect(await pull(`${scene.layover.url}/v2/library/big/blobs/${layer}`)).toMatchObject({
      complete: true,
      digest: layer,
    });
    expect(clock.now() - startedAt).toBeLessThan(20_000);
    await expect
      .poll(async () => {
        await clock.advance(1_000);
        return (await scene.control.job('base')).outcomes.fetched;
      })
      .toBe(1);
    expect(
      hub()
        .requests.of('cdn-get')
        .filter(({ reference }) => reference === layer),
    ).toHaveLength(1);
  });
});

describe('a schedule', () => {
  it('runs within the window, again after the interval, and not beyond its end', async () => {
    const clock = new FakeClock();
    const at = (hours: number) => {
      const time = new Date(clock.now() + hours * 3_600_000);
      return `${String(time.getHours()).padStart(2, '0')}:${String(time.getMinutes()).padStart(2, '0')}`;
    };
    const rule = { ...APP, every: '40m', window: `${at(2)}-${at(3)}` };
    await using scene = await startSync(hub(), rule, { clock });
    const job = () => scene.control.job('base');
    const passUntil = async (isSo: (status: JobStatus) => boolean) => {
      await expect
        .poll(async () => {
          await clock.advance(5 * 60_000);
          return isSo(await job());
        })
        .toBe(true);
    };
    await clock.advance(60 * 60_000);
    expect((await job()).startedAt).toBeUndefined();
    await passUntil(({ startedAt }) => startedAt !== undefined);
    await expect.poll(job).toMatchObject({ running: false, done: 3, outcomes: { fetched: 3 } });
    const { startedAt: first } = await job();
    // The second run meets an upstream that does not respond until the window ends.
    hub().faults.add({ on: 'manifest-head' }, { instead: 'hang' });
    await passUntil(({ startedAt }) => startedAt !== first);
    await passUntil(({ running }) => !running);
    expect(await job()).toMatchObject({ done: 3, outcomes: { held: 3 } });
    const rows = await scene.control.jobImages('base', 0);
    expect(rows[0]?.reason).toBe('its window has ended; the next run continues');
  });
});
