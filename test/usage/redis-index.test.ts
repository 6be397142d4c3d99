import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { RedisIndex } from '../../src/usage/redis-index.ts';
import type { RedisConfig } from '../../src/config/config.ts';
import { ClaimLostError } from '../../src/usage/usage-index.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { configFor, connect, missing, toAddress } from '../redis/redis-under-test.ts';
import { RedisServer, startCluster } from '../support/redis.ts';
import { collected } from './collected.ts';
import { describeUsageIndex } from './usage-index-contract.ts';

if (missing) console.warn(`${missing}: the tests of the index in Redis are skipped`);

/** Durations do not matter to these tests. */
const PATIENT = { deadlineMs: 1_000 };
const EVER = Number.MAX_SAFE_INTEGER;

async function openIndex(config: RedisConfig) {
  const connected = await connect(config);
  await connected.becomes('up');
  return { index: new RedisIndex(connected.redis), [Symbol.asyncDispose]: () => connected[Symbol.asyncDispose]() };
}

function use(repository: string, text: string, at = 1) {
  const digest: Digest = digestOf(Buffer.from(text));
  return { repository, digest, kind: 'blob' as const, size: 10, at };
}

describe.skipIf(missing)('with a real server', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  const open = () => openIndex(configFor(server.address, PATIENT));

  describeUsageIndex('the index in Redis', async () => {
    await server.admin.flushall();
    return open();
  });

  describe('two processes with one index', () => {
    it('do not both remove a digest, and neither removes one that the other is linking', async () => {
      await server.admin.flushall();
      await using first = await open();
      await using second = await open();
      const { digest } = use('a', 'x');
      const claim = await first.index.claim(digest);
      expect(claim).toBeDefined();
      expect(await second.index.claim(digest)).toBeUndefined();
      const linking = second.index.beginLink(use('a', 'x'));
      expect(await first.index.find(use('a', 'x'))).toBeUndefined();
      await claim?.release();
      const linked = await linking;
      expect(await first.index.find(use('a', 'x'))).toMatchObject({ size: 10 });
      expect(await first.index.claim(digest)).toBeUndefined();
      await linked();
      expect(await first.index.claim(digest)).toBeDefined();
    });

    it('detect that another process has the claim', async () => {
      await server.admin.flushall();
      await using first = await open();
      const { digest } = use('a', 'x');
      const claim = await first.index.claim(digest);
      expect(() => claim?.assertHeld()).not.toThrow();
      await server.admin.flushall();
      // It is renewed soon, and then known to be lost.
      await expect.poll(() => isLost(claim)).toBe(true);
    });

    it('have the link that was recorded before a flush again afterwards', async () => {
      await server.admin.flushall();
      await using first = await open();
      const linked = await first.index.beginLink(use('a', 'x'));
      await server.admin.flushall();
      expect(await first.index.find(use('a', 'x'))).toBeUndefined();
      await linked();
      expect(await first.index.find(use('a', 'x'))).toMatchObject({ size: 10 });
    });
  });

  it.each([
    ['allkeys-lru', '100mb', false],
    ['volatile-lru', '100mb', true],
    ['allkeys-lru', '0', true],
  ])('with maxmemory-policy %s and maxmemory %s knows whether keys get lost', async (policy, maxmemory, isLossless) => {
    await using full = await RedisServer.start({
      directives: [`maxmemory-policy ${policy}`, `maxmemory ${maxmemory}`],
    });
    await using made = await openIndex(configFor(full.address, PATIENT));
    expect(await made.index.isLossless()).toBe(isLossless);
  });

  it('is not complete any more when a part of it is missing', async () => {
    await server.admin.flushall();
    await using made = await open();
    await made.index.record([use('a', 'x'), use('b', 'x')]);
    await made.index.setMarker('complete', 'yes');
    const keys = await server.admin.keys('layover:v1:index:{usage}:d:*');
    await server.admin.del(...keys);
    await made.index.remove([use('a', 'x')]);
    expect(await made.index.marker('complete')).toBeUndefined();
  });

  it('sums up repositories to which a version without sums has written', async () => {
    await server.admin.flushall();
    await using made = await open();
    await made.index.record([use('a', 'x'), use('a', 'y'), use('b', 'x')]);
    await server.admin.hincrby('layover:v1:index:{usage}:meta', 'summed', -2);
    await server.admin.zrem('layover:v1:index:{usage}:sizes', 'a');
    expect(await made.index.repositories({ order: 'size', limit: 9 })).toEqual([
      { repository: 'a', manifests: 0, bytes: 20, lastUsedAt: 1 },
      { repository: 'b', manifests: 0, bytes: 10, lastUsedAt: 1 },
    ]);
  });

  it('gives a large repository in pages, each reference once', async () => {
    await server.admin.flushall();
    await using made = await open();
    await made.index.record(Array.from({ length: 2_500 }, (_, i) => use('large', String(i), i)));
    await made.index.record(Array.from({ length: 100 }, (_, i) => use(`small-${i}`, String(i), i)));
    const seen = new Set<string>();
    let after;
    for (;;) {
      const page: Awaited<ReturnType<RedisIndex['page']>> = await made.index.page({
        ...(after && { after }),
        limit: 333,
      });
      for (const { repository, digest } of page) seen.add(`${repository}@${digest}`);
      after = page.at(-1);
      if (!after) break;
    }
    expect(seen.size).toBe(2_600);
    expect(await collected(made.index.ofRepository('large'))).toHaveLength(2_500);
    expect(await made.index.oldest({ before: EVER, limit: 5_000 })).toHaveLength(2_600);
    await server.admin.hset('layover:v1:index:{usage}:meta', 'bytes', 1);
    await made.index.recount();
    expect(await made.index.totals()).toEqual({ bytes: 25_000, digests: 2_500, references: 2_600, repositories: 101 });
  });
});

describe.skipIf(missing)('with a real cluster', () => {
  let cluster: Awaited<ReturnType<typeof startCluster>>;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  describeUsageIndex('the index in Redis', async () => {
    for (const node of cluster.nodes) await node.admin.flushall();
    const nodes = cluster.nodes.map(({ address }) => toAddress(address));
    return openIndex(configFor('127.0.0.1:1', { ...PATIENT, topology: { kind: 'cluster', nodes } }));
  });
});

function isLost(claim: { assertHeld(): void } | undefined): boolean {
  try {
    claim?.assertHeld();
    return false;
  } catch (err) {
    return err instanceof ClaimLostError;
  }
}
