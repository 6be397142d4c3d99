import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { pull } from '../integration/pulling.ts';
import { cacheConfig, sharedHub } from '../integration/scene.ts';
import { seededContent } from '../support/content.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Images } from '../support/images.ts';
import { type ConfigObject, Layover } from '../support/layover.ts';
import { freePort } from '../support/processes.ts';
import { RedisServer, startCluster, startSentinels, until } from '../support/redis.ts';
import { missing } from './redis-under-test.ts';

const images = new Images();
const image = images.addImage('library/app', '1', { layers: [300_000] });
/** Larger than blobs cached in memory, so that each request looks them up. */
const blobs = Array.from({ length: 40 }, (_, i) => images.addBlob('library/app', seededContent(`${i}`, 70_000 + i)));
const hub = sharedHub(images);

/** Much longer than the deadline of 20 ms, for a busy machine; shorter than a wait for an unresponsive Redis, which is 3 s. Milliseconds. */
const SOON_MS = 2_500;
/** Of a client between two images: what is slow is to be the outage, not the machine. */
const PAUSE_MS = 250;

function startWith(redis: ConfigObject, more: ConfigObject = {}): Promise<Layover> {
  return Layover.startProcess({ config: configWith(redis, more) });
}

function configWith(redis: ConfigObject, more: ConfigObject = {}): ConfigObject {
  const http = { debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } };
  return { ...cacheConfig(hub(), { http }), redis, ...more };
}

/** A manifest, then every blob by HEAD and GET. @returns the longest duration of a request, in milliseconds */
async function pullAll(layover: Layover): Promise<number> {
  const urlOf = (digest: string) => `${layover.url}/v2/library/app/blobs/${digest}`;
  let longest = 0;
  const timed = async (work: () => Promise<void>) => {
    const startedAt = performance.now();
    await work();
    longest = Math.max(longest, performance.now() - startedAt);
  };
  await timed(async () => {
    const manifest = await pull(`${layover.url}/v2/library/app/manifests/1`);
    expect(manifest).toMatchObject({ status: 200, complete: true, digest: image.digest });
  });
  for (const { digest, size } of blobs) {
    await timed(async () => {
      const head = await pull(urlOf(digest), { method: 'HEAD' });
      expect([head.status, Number(head.headers['content-length'])]).toEqual([200, size]);
    });
    await timed(async () => {
      expect(await pull(urlOf(digest))).toMatchObject({ status: 200, complete: true, digest, size });
    });
  }
  return longest;
}

/** Pulls with four clients while `work` runs. @returns the longest duration of a request, in milliseconds */
async function pullWhile(layover: Layover, work: () => Promise<void>): Promise<number> {
  const over = new AbortController();
  const clients = Array.from({ length: 4 }, async () => {
    let longest = 0;
    while (!over.signal.aborted) {
      longest = Math.max(longest, await pullAll(layover));
      await delay(PAUSE_MS);
    }
    return longest;
  });
  await work().finally(() => over.abort());
  return Math.max(...(await Promise.all(clients)));
}

async function metric(layover: Layover, name: string): Promise<number> {
  const page = await (await fetch(`${layover.debugUrl}/metrics`)).text();
  return Number(new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (.*)$`, 'm').exec(page)?.[1] ?? NaN);
}

const isUp = async (layover: Layover) => (await metric(layover, 'layover_redis_up')) === 1;
const linesOf = (layover: Layover, text: string) => layover.output.split(text).length - 1;

describe.skipIf(missing)('pulls through a cache with Redis', () => {
  it('share descriptors with another process on the same storage', async () => {
    await using server = await RedisServer.start();
    await using one = await startWith({ addrs: [server.address], deadline: '1s' });
    await until(() => isUp(one));
    await pullAll(one);
    await one.settled();
    await pullAll(one);
    await until(async () => (await server.admin.scard('repository::docker.io/library/app::blobs')) === blobs.length);
    await using two = await Layover.startProcess({
      config: {
        ...cacheConfig(hub(), { http: { debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } } }),
        redis: { addrs: [server.address], deadline: '1s' },
      },
      dataDirectory: one.dataDirectory,
    });
    await until(() => isUp(two));
    for (const { digest } of blobs) {
      const { status } = await pull(`${two.url}/v2/library/app/blobs/${digest}`, { method: 'HEAD' });
      expect(status).toBe(200);
    }
    expect(await metric(two, 'registry_storage_cache_requests_total')).toBe(blobs.length);
    expect(await metric(two, 'registry_storage_cache_hits_total')).toBe(blobs.length);
    expect(await metric(two, 'registry_storage_cache_errors_total')).toBe(0);
    expect(await metric(two, 'registry_storage_cache_redis_seconds_count{operation="RepoStat"}')).toBe(blobs.length);
    expect(await metric(two, 'layover_redis_seconds_count{operation="RepoStat"}')).toBe(blobs.length);
  });

  it('continue when it is down at startup, and use it when it is available', async () => {
    const port = await freePort();
    const clock = new FakeClock();
    await using layover = await Layover.start({ config: configWith({ addrs: [`127.0.0.1:${port}`] }), clock });
    expect(await pullAll(layover)).toBeLessThan(SOON_MS);
    await expect.poll(() => linesOf(layover, 'Redis unavailable')).toBe(1);
    await using server = await RedisServer.start({}, port);
    await until(() => isUp(layover));
    await clock.advance(10_500); // entries in memory are old enough to be shared again
    await pullAll(layover);
    await until(async () => (await server.admin.dbsize()) > 0);
    expect(linesOf(layover, 'Redis available')).toBe(1);
  });

  it('continue when it is killed and started again under load', async () => {
    await using server = await RedisServer.start();
    await using layover = await startWith({ addrs: [server.address] });
    await until(() => isUp(layover));
    await pullAll(layover);
    const longest = await pullWhile(layover, async () => {
      await delay(500);
      await server.kill();
      await delay(1_500);
      expect(await metric(layover, 'layover_redis_up')).toBe(0);
      await server.launch();
      await until(() => isUp(layover));
      await delay(500);
    });
    expect(longest).toBeLessThan(SOON_MS);
    await expect.poll(() => linesOf(layover, 'Redis unavailable')).toBe(1);
    expect(linesOf(layover, 'Redis available')).toBe(2);
  });

  it('continue when it hangs under load', async () => {
    await using server = await RedisServer.start();
    await using layover = await startWith({ addrs: [server.address] });
    await until(() => isUp(layover));
    await pullAll(layover);
    const longest = await pullWhile(layover, async () => {
      await delay(500);
      server.pause();
      await delay(12_000); // descriptors in memory expire meanwhile
      expect(await metric(layover, 'layover_redis_up')).toBe(0);
      server.resume();
      await until(() => isUp(layover));
    });
    expect(longest).toBeLessThan(SOON_MS);
    await expect.poll(() => linesOf(layover, 'Redis unavailable')).toBe(1);
  });

  it('continue when it is full', async () => {
    await using server = await RedisServer.start({ directives: ['maxmemory-policy noeviction', 'maxmemory 1'] });
    await using layover = await startWith({ addrs: [server.address] });
    await until(() => linesOf(layover, 'Redis read-only') === 1);
    expect(await pullAll(layover)).toBeLessThan(SOON_MS);
    await layover.settled();
    expect(await pullAll(layover)).toBeLessThan(SOON_MS);
    expect(linesOf(layover, 'Redis read-only')).toBe(1);
    expect(await server.admin.dbsize()).toBe(0);
  });

  it('continue when it is flushed again and again', async () => {
    await using server = await RedisServer.start();
    await using layover = await startWith({ addrs: [server.address], deadline: '1s' });
    await until(() => isUp(layover));
    const longest = await pullWhile(layover, async () => {
      for (let i = 0; i < 40; i++) {
        await server.admin.flushall();
        await delay(50);
      }
    });
    expect(longest).toBeLessThan(SOON_MS);
    expect(linesOf(layover, 'Redis unavailable')).toBe(0);
  });

  it('continue when Sentinel promotes another master', async () => {
    await using group = await startSentinels('cache');
    const addrs = group.sentinels.map(({ address }) => address);
    await using layover = await startWith({ addrs, mastername: 'cache' });
    await until(() => isUp(layover));
    await pullAll(layover);
    const longest = await pullWhile(layover, async () => {
      await group.master.kill();
      await until(() => linesOf(layover, 'Redis unavailable') > 0);
      await until(() => isUp(layover));
    });
    expect(longest).toBeLessThan(SOON_MS);
  });

  it('continue when a node of a cluster hangs, dies and restarts', async () => {
    await using cluster = await startCluster();
    const addrs = cluster.nodes.map(({ address }) => address);
    await using layover = await startWith({ addrs });
    await until(() => isUp(layover));
    await pullAll(layover);
    const [, victim] = cluster.nodes;
    const longest = await pullWhile(layover, async () => {
      victim?.pause();
      await delay(4_000);
      victim?.resume();
      await delay(2_000);
      await victim?.kill();
      await delay(3_000);
      await victim?.launch();
      await until(() => isUp(layover));
    });
    expect(longest).toBeLessThan(SOON_MS);
  });

  it('continue with a wrong password, which is not logged', async () => {
    await using server = await RedisServer.start({ directives: ['requirepass secret'], password: 'secret' });
    await using layover = await startWith({ addrs: [server.address], password: 'wrong-secret' });
    expect(await pullAll(layover)).toBeLessThan(SOON_MS);
    await until(() => linesOf(layover, 'Redis unavailable') === 1);
    expect(layover.output).not.toContain('wrong-secret');
    expect(layover.output).toContain('WRONGPASS');
  });
});

describe.skipIf(missing)('a descriptor of a blob that no longer exists', () => {
  const [blob] = blobs;
  if (!blob) throw new Error('no blobs');
  const path = `library/app/blobs/${blob.digest}`;
  const key = 'repository::docker.io/library/app::blobs';

  async function storedAndForgotten(layover: Layover, server: RedisServer) {
    await until(() => isUp(layover));
    await pull(`${layover.url}/v2/${path}`);
    await layover.settled();
    await pull(`${layover.url}/v2/${path}`);
    await until(async () => (await server.admin.sismember(key, blob?.digest ?? '')) === 1);
    const hex = blob?.digest.slice('sha256:'.length) ?? '';
    await rm(join(layover.dataDirectory, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex), { recursive: true });
  }

  it('does not break the response: the blob is fetched again', async () => {
    await using server = await RedisServer.start();
    await using layover = await startWith({ addrs: [server.address] });
    await storedAndForgotten(layover, server);
    for (let i = 0; i < 3; i++) {
      const pulled = await pull(`${layover.url}/v2/${path}`);
      expect(pulled).toMatchObject({ status: 200, complete: true, digest: blob.digest });
      await layover.settled();
    }
    expect((await layover.visibleBlobs()).find(({ digest }) => digest === blob.digest)?.intact).toBe(true);
  });

  it('is removed for every process when the blob cannot be fetched', async () => {
    await using server = await RedisServer.start();
    await using layover = await startWith({ addrs: [server.address] });
    await storedAndForgotten(layover, server);
    const config = cacheConfig(hub(), { proxy: { offline: true } });
    await using offline = await Layover.startProcess({
      config: { ...config, redis: { addrs: [server.address] } },
      dataDirectory: layover.dataDirectory,
    });
    await offline.waitForOutput(/Redis available/);
    expect((await pull(`${offline.url}/v2/${path}`)).status).toBe(404);
    await until(async () => (await server.admin.sismember(key, blob.digest)) === 0);
    expect((await pull(`${offline.url}/v2/${path}`, { method: 'HEAD' })).status).toBe(404);
  });
});
