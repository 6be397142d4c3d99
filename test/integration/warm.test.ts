import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import type { JobImage } from '../../src/operations/job-control.ts';
import { cacheCommand, layoverCommand } from '../retention/command.ts';
import { storedOf } from '../retention/expiring-cache.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { pull } from './pulling.ts';
import { sharedHub, startCache } from './scene.ts';
import { expectNothingBroken } from './stored-data.ts';

const images = new Images();
const app = images.addImage('library/app', '1', { layers: [8192] });
const next = images.addImage('library/app', '2', { layers: [4096] });
const multi = images.addIndex('library/multi', '1', { layers: [4096] });
const signed = images.addImage('library/signed', '1', { layers: [2048] });
const sbom = images.addArtifact('library/signed', signed, 'application/spdx+json', 'contents');
const signature = images.addImage('library/signed', `${signed.digest.replace(':', '-')}.sig`, { layers: [2048] });
const large = images.addImage('library/large', '1', { layers: [2 * 1024 * 1024] });
const hub = sharedHub(images);

async function pullWhole(layover: Layover, name: string, image: typeof app): Promise<void> {
  await pull(`${layover.url}/v2/${name}/manifests/${image.digest}`);
  for (const digest of [image.config, ...image.layers]) await pull(`${layover.url}/v2/${name}/blobs/${digest}`);
  await layover.settled();
}

const partsOf = (image: typeof app) => [image.digest, image.config, ...image.layers];

async function warm(layover: Pick<Layover, 'configFile'>, ...args: readonly string[]) {
  const result = await layoverCommand('warm', ...args, '--wait', '--json', '--config', layover.configFile);
  const lines = result.stdout.split('\n').filter((line) => line !== '');
  return { ...result, images: lines.map((line) => JSON.parse(line) as JobImage) };
}

describe('layover warm', () => {
  it('has the server store whole images, and requests nothing when they are', async () => {
    await using layover = await startCache(hub());
    const first = await warm(layover, 'app:1', 'multi:1');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.images.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { name: 'docker.io/library/app:1', digest: app.digest, bytes: expect.any(Number), spent: 1, outcome: 'fetched' },
      {
        name: 'docker.io/library/multi:1',
        digest: multi.digest,
        bytes: expect.any(Number),
        spent: 3,
        outcome: 'fetched',
      },
    ]);
    const { amd64, arm64 } = multi.images;
    const all = [...partsOf(app), multi.digest, ...partsOf(amd64), ...partsOf(arm64)];
    expect(await storedOf(layover, all)).toEqual(all);

    hub().requests.reset();
    const again = await warm(layover, 'app:1', 'multi:1');
    expect(again.images.map(({ outcome, bytes, spent }) => ({ outcome, bytes, spent }))).toEqual([
      { outcome: 'present', bytes: 0, spent: 0 },
      { outcome: 'present', bytes: 0, spent: 0 },
    ]);
    expect(hub().requests.all).toEqual([]);
  });

  it('stores the chosen platform of an index only, with the index as it is', async () => {
    await using layover = await startCache(hub());
    const { images: done } = await warm(layover, 'multi:1', '--platform', 'linux/arm64');
    expect(done).toMatchObject([{ outcome: 'fetched', digest: multi.digest, spent: 2 }]);
    const { amd64, arm64 } = multi.images;
    const wanted = [multi.digest, ...partsOf(arm64)];
    expect(await storedOf(layover, wanted)).toEqual(wanted);
    expect(await storedOf(layover, partsOf(amd64))).toEqual([]);
    const none = await warm(layover, 'multi:1', '--platform', 'windows/amd64');
    expect(none).toMatchObject({ code: 1 });
    expect(none.images[0]).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining('no image for windows/amd64'),
    });
  });

  it('stores the platforms of a lock', async () => {
    await using layover = await startCache(hub());
    await using directory = await temporaryDirectory();
    const lock = join(directory.path, 'images.lock.yaml');
    const content = { layoverLock: 1, platforms: ['linux/arm64'], images: [{ name: 'multi:1', digest: multi.digest }] };
    await writeFile(lock, stringify(content));
    expect((await warm(layover, '--from', lock)).images).toMatchObject([{ outcome: 'fetched', spent: 2 }]);
    const { amd64, arm64 } = multi.images;
    expect(await storedOf(layover, partsOf(arm64))).toEqual(partsOf(arm64));
    expect(await storedOf(layover, partsOf(amd64))).toEqual([]);
  });

  it('stores attachments by referrers and by tag, and pins', async () => {
    await using layover = await startCache(hub());
    const { code } = await warm(layover, 'signed:1', '--referrers', '--pin');
    expect(code).toBe(0);
    const wanted = [...partsOf(signed), sbom.digest, ...partsOf(signature)];
    expect(await storedOf(layover, wanted)).toEqual(wanted);
    const { stdout } = await cacheCommand(layover, 'cache', 'pins');
    expect(stdout).toMatch(/^docker\.io\/library\/signed:1 +command$/m);
    expect(stdout).toContain(`docker.io/library/signed:${signed.digest.replace(':', '-')}.sig`);
    expect(stdout).toContain(`docker.io/library/signed@${sbom.digest}`);
  });

  it('names each image that is not complete, and fetches the others', async () => {
    await using layover = await startCache(hub());
    const broken = hub().faults.add({ reference: next.layers[1] ?? '' }, { answer: { status: 404 } });
    const list = join(layover.dataDirectory, 'images.txt');
    await writeFile(list, 'app:1\napp:2\napp:none\nUPPER:1\nexample.org/app:1\n');
    const { code, stderr, images: done } = await warm(layover, '--from', list);
    broken();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^layover: .*images\.txt: line 4: UPPER:1/m);
    expect(Object.fromEntries(done.map(({ name, outcome }) => [name, outcome]))).toEqual({
      'docker.io/library/app:1': 'fetched',
      'docker.io/library/app:2': 'failed',
      'docker.io/library/app:none': 'gone',
      'example.org/app:1': 'failed',
    });
    expect(done.find(({ name }) => name.startsWith('example.org'))?.reason).toBe(
      'no upstream here is named example.org',
    );
    expect(await storedOf(layover, partsOf(app))).toEqual(partsOf(app));
    await expectNothingBroken(layover);
    const { stdout } = await cacheCommand(layover, 'jobs');
    expect(stdout).toMatch(/^warm-1 +finished +\d+s +4\/4 .* fetched 1, gone 1, failed 2$/m);
    expect((await cacheCommand(layover, 'jobs', 'show', 'warm-1')).stdout).toContain(
      'docker.io/library/app:none  gone',
    );
  });

  it('reports a tag that moved with both digests', async () => {
    await using layover = await startCache(hub(), { upstream: { tags: { ttl: '0s', rules: [] } } });
    hub().setTag('library/app', 'moving', app.digest);
    await pull(`${layover.url}/v2/library/app/manifests/moving`);
    hub().setTag('library/app', 'moving', next.digest);
    const { images: done } = await warm(layover, 'app:moving');
    expect(done).toMatchObject([{ outcome: 'moved', digest: next.digest, was: app.digest, spent: 1 }]);
  });

  it('needs a running server', async () => {
    await using layover = await startCache(hub());
    await layover.kill('SIGTERM');
    const { code, stderr } = await warm(layover, 'app:1');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        'layover: no server is running, and only a server fetches images (start it with `layover serve`, or name it with --server)\n',
    });
  });
});

describe('a warm-up within limits', () => {
  it('is held when the quota has no space but what clients use', async () => {
    const quota = { quota: { size: '1MiB', low: 0.8, high: 1 } };
    const config = { storage: quota, proxy: { upstreams: [dockerHubUpstream(hub())] } };
    await using layover = await Layover.start({ config });
    await pullWhole(layover, 'library/app', app);
    const { code, images: done } = await warm(layover, 'large:1');
    expect(code).toBe(1);
    expect(done).toMatchObject([{ outcome: 'held', reason: 'quota' }]);
    expect(await storedOf(layover, partsOf(app))).toEqual(partsOf(app));
    expect(await storedOf(layover, large.layers)).toEqual([]);
  });

  it('waits for pulls above the reserve, and ends at shutdown', async () => {
    Object.assign(hub().rateLimit, { enforced: true, limit: 100, remaining: 21 });
    await using layover = await startCache(hub());
    await pull(`${layover.url}/v2/library/app/manifests/1`);
    const { stdout } = await layoverCommand('warm', 'app:2', '--json', '--config', layover.configFile);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'warm-1', running: true });
    await expect
      .poll(async () => JSON.parse((await cacheCommand(layover, 'jobs', '--json')).stdout) as unknown)
      .toMatchObject({ jobs: [{ running: true, active: [{ name: 'docker.io/library/app:2' }] }] });
    expect(hub().requests.count('manifest-get')).toBe(1);
    const stopped = await cacheCommand(layover, 'jobs', 'stop', 'warm-1');
    expect(stopped.stdout).toBe('warm-1: ended (stopped by command), 0 of 1 images\n');
    await layoverCommand('warm', 'app:2', '--config', layover.configFile);
    expect(await layover.kill('SIGTERM')).toMatchObject({ code: 0 });
    expect(await storedOf(layover, [next.digest])).toEqual([]);
    Object.assign(hub().rateLimit, { enforced: false, limit: 100, remaining: 100 });
  });

  it('ends at once while the upstream is slow', async () => {
    await using layover = await startCache(hub());
    const slow = hub().faults.add({ reference: app.layers[1] ?? '' }, { instead: 'hang' });
    await layoverCommand('warm', 'app:1', '--config', layover.configFile);
    await expect.poll(() => hub().requests.all.filter(({ reference }) => reference === app.layers[1])).toHaveLength(1);
    expect(await layover.kill('SIGTERM')).toMatchObject({ code: 0 });
    slow();
    expect(await storedOf(layover, app.layers)).not.toContain(app.layers[1]);
    await expectNothingBroken(layover);
  });

  it('reports a throttled upstream, one that is down, and an index whose child is gone', async () => {
    await using layover = await startCache(hub(), { upstream: { timeouts: { headers: '1s' } } });
    const throttled = hub().faults.add({ reference: app.digest }, { answer: { status: 429 } });
    expect((await warm(layover, 'app:1')).images).toMatchObject([{ outcome: 'held', spent: 0 }]);
    throttled();
    const gone = hub().faults.add({ reference: multi.images.arm64.digest }, { answer: { status: 404 } });
    const child = await warm(layover, 'multi:1');
    gone();
    expect(child.images).toMatchObject([{ outcome: 'failed', digest: multi.digest }]);
    await expectNothingBroken(layover);
  });
});

describe('layover warm of an image that cannot be fetched', () => {
  it('counts the images that are complete, and names the registry once', async () => {
    await using layover = await startCache(hub());
    const ran = await layoverCommand('warm', 'app:1', 'app:none', '--wait', '--config', layover.configFile);
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringMatching(/^1 of 2 images, /) });
    expect(ran.stdout).toContain('docker.io/library/app:none  gone  404');
  });

  it('is not gone for a cache that is offline', async () => {
    await using layover = await startCache(hub(), { proxy: { offline: true } });
    const { images: rows } = await warm(layover, 'app:1');
    const reason = 'library/app:1 is not cached, and this registry is offline';
    expect(rows).toMatchObject([{ outcome: 'failed', reason }]);
    expect(hub().requests.all).toEqual([]);
  });
});

describe('proxy.warm', () => {
  it('fetches what is missing at startup, and resumes after a restart in the middle', async () => {
    const job = { name: 'base', images: ['app:1', 'multi:1'], platforms: ['linux/amd64'] };
    const list = hub().faults.add({ reference: multi.images.amd64.digest }, { answer: { status: 404 } });
    await using layover = await startCache(hub(), { proxy: { warm: [job] } });
    const statusOf = async () => JSON.parse((await cacheCommand(layover, 'jobs', '--json')).stdout) as object;
    await expect.poll(statusOf).toMatchObject({ jobs: [{ name: 'base', running: false, done: 2 }] });
    expect(await statusOf()).toMatchObject({ jobs: [{ outcomes: { fetched: 1, failed: 1 } }] });
    list();
    hub().requests.reset();
    await layover.restart();
    await expect.poll(statusOf).toMatchObject({ jobs: [{ running: false, outcomes: { present: 1, fetched: 1 } }] });
    expect(hub().requests.count('manifest-head')).toBe(0);
    expect(hub().requests.count('manifest-get')).toBe(1);
    const again = await cacheCommand(layover, 'jobs', 'run', 'base', '--wait');
    expect(again).toMatchObject({ code: 0, stderr: '2 of 2 images, 0 B fetched, 0 pulls\n' });
    expect(await storedOf(layover, partsOf(multi.images.amd64))).toEqual(partsOf(multi.images.amd64));
  });
});

describe('popular tags', () => {
  it('are revalidated before their TTL ends, and fetched when they moved', async () => {
    const clock = new FakeClock();
    const popular = { name: 'popular', popular: { top: 1, uses: 3, within: '1d' }, ahead: '10%' };
    hub().setTag('library/app', 'moving', app.digest);
    await using layover = await startCache(hub(), {
      clock,
      proxy: { warm: [popular] },
      upstream: { tags: { ttl: '10m', rules: [] } },
    });
    for (const tag of ['moving', 'moving', 'moving', '2']) await pull(`${layover.url}/v2/library/app/manifests/${tag}`);
    hub().setTag('library/app', 'moving', next.digest);
    hub().requests.reset();
    await clock.advance(2_000);
    const shown = async () => (await cacheCommand(layover, 'jobs', 'show', 'popular')).stdout;
    const step = async () => {
      await clock.advance(20_000);
      return shown();
    };
    await expect.poll(step).toContain('docker.io/library/app:moving  moved');
    expect(
      hub()
        .requests.all.filter(({ kind }) => kind === 'manifest-head')
        .map(({ reference }) => reference),
    ).toEqual(['moving']);
    const served = await pull(`${layover.url}/v2/library/app/manifests/moving`);
    expect([served.headers['x-cache'], served.headers['docker-content-digest']]).toEqual(['HIT', next.digest]);
    await expect.poll(() => storedOf(layover, partsOf(next))).toEqual(partsOf(next));
  });
});

describe('proxy.checks', () => {
  it('keep the service unready until a lock is complete', async () => {
    const { path, ...directory } = await temporaryDirectory();
    const lock = join(path, 'images.lock.yaml');
    const locked = { name: 'docker.io/library/app:1', digest: app.digest, size: 1 };
    await writeFile(lock, stringify({ layoverLock: 1, images: [locked] }));
    const checks = [{ name: 'site', lock, every: '1s', ready: true }];
    await using layover = await startCache(hub(), {
      proxy: { checks },
      http: { debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } },
    });
    const ready = async () => (await fetch(`${layover.url}/readyz`)).status;
    const metrics = async () => (await fetch(`${layover.debugUrl}/metrics`)).text();
    await expect.poll(metrics).toContain('layover_offline_complete{list="site"} 0');
    expect(await ready()).toBe(503);
    const reasons = async () => (await fetch(`${layover.debugUrl}/readyz`)).text();
    expect(await reasons()).toContain('0 of 1 images pull offline; incomplete: docker.io/library/app:1');
    await warm(layover, 'app:1');
    await expect.poll(ready).toBe(200);
    expect(await metrics()).toContain('layover_offline_complete{list="site"} 1');
    expect(await metrics()).toContain('layover_job_images_total{name="warm",outcome="fetched"} 1');
    await directory[Symbol.asyncDispose]();
  });
});
