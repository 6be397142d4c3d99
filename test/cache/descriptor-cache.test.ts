import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';

import { DescriptorCache } from '../../src/cache/descriptor-cache.ts';
import type { RedisConfig } from '../../src/config/config.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { configFor, connect, missing, toAddress } from '../redis/redis-under-test.ts';
import { freePort } from '../support/processes.ts';
import { openRedis, RedisServer, startCluster, until } from '../support/redis.ts';

const blob = (name: string): Digest => digestOf(Buffer.from(name));
const BLOB = blob('a');
/** Differs between runs, which may share a Redis. */
const repository = `library/app-${process.pid}`;
const DAY = 86_400;

interface CacheUnderTest {
  readonly cache: DescriptorCache;
  readonly lookups: readonly string[];
}

function inMemory(maxEntries = 100): CacheUnderTest {
  const lookups: string[] = [];
  const events = { descriptorLookedUp: (result: string) => void lookups.push(result), sharedCacheAccessed: () => {} };
  return { cache: new DescriptorCache({ maxEntries, redis: undefined, events }), lookups };
}

/** Like a separate process: with separate memory and a separate connection. */
async function shared(config: RedisConfig): Promise<CacheUnderTest & { redis: Awaited<ReturnType<typeof connect>> }> {
  const redis = await connect({ ...config, deadlineMs: 500 });
  onTestFinished(() => redis[Symbol.asyncDispose]());
  const lookups: string[] = [];
  const events = { descriptorLookedUp: (result: string) => void lookups.push(result), sharedCacheAccessed: () => {} };
  return { cache: new DescriptorCache({ maxEntries: 100, redis: redis.redis, events }), lookups, redis };
}

async function sharedBy(count: number, config: RedisConfig) {
  const all = await Promise.all(Array.from({ length: count }, () => shared(config)));
  for (const { redis } of all) await redis.becomes('up');
  return all.map(({ cache }) => cache);
}

const sizeIn = async (cache: DescriptorCache | undefined, digest = BLOB) =>
  (await cache?.get(repository, digest))?.size;

describe('descriptors in memory', () => {
  it('are cached per repository until they are removed', async () => {
    const { cache, lookups } = inMemory();
    expect(await sizeIn(cache)).toBe(undefined);
    cache.set(repository, BLOB, 7);
    expect(await cache.get(repository, BLOB)).toEqual({
      digest: BLOB,
      size: 7,
      mediaType: 'application/octet-stream',
    });
    expect(await cache.get('library/other', BLOB)).toBe(undefined);
    cache.remove(repository, BLOB);
    expect(await sizeIn(cache)).toBe(undefined);
    expect(lookups).toEqual(['miss', 'hit', 'miss', 'miss']);
  });

  it('are evicted when there are too many', async () => {
    const { cache } = inMemory(10);
    for (let i = 0; i < 20; i++) cache.set(repository, blob(String(i)), i);
    const sizes = await Promise.all(Array.from({ length: 20 }, (_, i) => sizeIn(cache, blob(String(i)))));
    expect(sizes.filter((size) => size !== undefined)).toHaveLength(10);
    expect(sizes.at(-1)).toBe(19);
  });
});

describe.skipIf(missing && !process.env['REDIS_URL'])('descriptors in Redis', () => {
  it('are visible to every process', async () => {
    await using server = await openRedis();
    const [one, two] = await sharedBy(2, configFor(server.address));
    one?.set(repository, BLOB, 7);
    await until(async () => (await sizeIn(two)) === 7);
    expect(await two?.get('library/other', BLOB)).toBe(undefined);
  });

  it('are removed from the memory of every process when one process removes them', async () => {
    await using server = await openRedis();
    const [one, two, three] = await sharedBy(3, configFor(server.address));
    one?.set(repository, BLOB, 7);
    await until(async () => (await sizeIn(two)) === 7 && (await sizeIn(three)) === 7);
    two?.remove(repository, BLOB);
    await until(async () => (await sizeIn(one)) === undefined && (await sizeIn(three)) === undefined, {
      timeoutMs: 5_000,
    });
    expect(await server.admin.exists(`repository::${repository}::blobs`)).toBe(0);
    expect(await server.admin.exists(`blobs::${BLOB}`)).toBe(0);
    expect(await server.admin.exists(`repository::${repository}::blobs::${BLOB}`)).toBe(0);
  });

  it('have the keys of distribution, and expire', async () => {
    await using server = await openRedis();
    const [cache] = await sharedBy(1, configFor(server.address));
    cache?.set(repository, BLOB, 7);
    await until(async () => (await server.admin.exists(`repository::${repository}::blobs`)) === 1);
    expect(await server.admin.smembers(`repository::${repository}::blobs`)).toEqual([BLOB]);
    expect(await server.admin.hgetall(`blobs::${BLOB}`)).toEqual({
      digest: BLOB,
      size: '7',
      mediatype: 'application/octet-stream',
    });
    expect(await server.admin.hgetall(`repository::${repository}::blobs::${BLOB}`)).toEqual({
      mediatype: 'application/octet-stream',
    });
    const ttl = await server.admin.ttl(`blobs::${BLOB}`);
    expect(ttl).toBeGreaterThan(DAY - 100);
    expect(ttl).toBeLessThanOrEqual(DAY);
    cache?.remove(repository, BLOB);
    await until(async () => (await server.admin.exists(`blobs::${BLOB}`)) === 0);
  });

  it('are ignored when they are invalid', async () => {
    await using server = await openRedis();
    const [cache] = await sharedBy(1, configFor(server.address));
    const broken = [
      { digest: blob('b'), size: '7' },
      { digest: 'sha256:abc', size: '7' },
      { digest: BLOB, size: '-1' },
      { digest: BLOB, size: '1e3' },
      { digest: BLOB, size: '99999999999999999999' },
      { digest: BLOB },
      { size: '7' },
    ];
    for (const fields of broken) {
      await server.admin.del(`blobs::${BLOB}`);
      await server.admin.hset(`blobs::${BLOB}`, fields);
      await server.admin.sadd(`repository::${repository}::blobs`, BLOB);
      expect(await sizeIn(cache)).toBe(undefined);
    }
    await server.admin.del(`blobs::${BLOB}`);
    // A key of another type is an error of the server.
    await server.admin.set(`blobs::${BLOB}`, 'x');
    expect(await sizeIn(cache)).toBe(undefined);
    await server.admin.del(`blobs::${BLOB}`, `repository::${repository}::blobs`);
  });
});

describe.skipIf(missing)('descriptors in a separate Redis', () => {
  it('are read again after ten seconds when there was no message about their removal', async () => {
    await using server = await RedisServer.start();
    const [cache] = await sharedBy(1, configFor(server.address));
    cache?.set(repository, BLOB, 7);
    await until(async () => (await server.admin.exists(`repository::${repository}::blobs`)) === 1);
    await server.admin.flushall();
    expect(await sizeIn(cache)).toBe(7);
    await until(async () => (await sizeIn(cache)) === undefined);
  });

  it('are removed from memory when the connection to Redis was lost, because messages may be lost', async () => {
    await using server = await RedisServer.start();
    const [cache] = await sharedBy(1, configFor(server.address));
    cache?.set(repository, BLOB, 7);
    expect(await sizeIn(cache)).toBe(7);
    await server.kill();
    await server.launch();
    await until(async () => (await sizeIn(cache)) === undefined, { timeoutMs: 8_000 });
  });

  it('are cached in memory without delay while Redis is down', async () => {
    const { cache, lookups, redis } = await shared(configFor(`127.0.0.1:${await freePort()}`));
    await redis.becomes('down');
    const startedAt = performance.now();
    for (let i = 0; i < 1_000; i++) {
      const digest = blob(String(i));
      cache.remove(repository, digest);
      expect(await sizeIn(cache, digest)).toBe(undefined);
      cache.set(repository, digest, i);
    }
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(lookups).toEqual(Array.from({ length: 1_000 }, () => 'error'));
    expect(await sizeIn(cache, blob('999'))).toBe(999);
  });

  it('are distributed over the nodes of a cluster', async () => {
    await using cluster = await startCluster();
    const nodes = cluster.nodes.map(({ address }) => toAddress(address));
    const [one, two] = await sharedBy(2, configFor('', { topology: { kind: 'cluster', nodes } }));
    const digests = Array.from({ length: 20 }, (_, i) => blob(String(i)));
    for (const digest of digests) one?.set(repository, digest, 7);
    const sizes = async (cache: DescriptorCache | undefined) =>
      Promise.all(digests.map((digest) => sizeIn(cache, digest)));
    await until(async () => (await sizes(two)).every((size) => size === 7));
    for (const digest of digests) two?.remove(repository, digest);
    await until(async () => (await sizes(one)).every((size) => size === undefined), { timeoutMs: 8_000 });
    await delay(100);
    expect(await sizes(two)).toEqual(digests.map(() => undefined));
  });
});
