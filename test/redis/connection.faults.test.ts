import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { redis as schema } from '../../src/config/schema/redis.ts';
import { freePort } from '../support/processes.ts';
import { RedisServer, startCluster, startSentinels, until } from '../support/redis.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { configFor, connect, longestCall, missing, READ, toAddress } from './redis-under-test.ts';

/** Much longer than the deadline of 20 ms, for a busy machine; much shorter than a wait for Redis. Milliseconds. */
const SOON_MS = 500;

describe.skipIf(missing)('a Redis', () => {
  it('is used as soon as it is available', async () => {
    await using server = await RedisServer.start();
    await using tested = await connect(configFor(server.address));
    await tested.becomes('up');
    expect(await tested.set('a', '1')).toBe('OK');
    expect(await tested.get('a')).toBe('1');
    expect(tested.states).toEqual(['up']);
  });

  it('may be unavailable at startup, and available later', async () => {
    const port = await freePort();
    await using tested = await connect(configFor(`127.0.0.1:${port}`));
    await tested.becomes('down');
    expect(tested.reasons[0]).toContain('ECONNREFUSED');
    expect(await tested.get('a')).toBe('fallback');
    await using server = await RedisServer.start({}, port);
    await tested.becomes('up');
    expect(await tested.set('a', '1')).toBe('OK');
    expect(await server.admin.get('a')).toBe('1');
    expect(tested.states).toEqual(['down', 'up']);
  });

  it('that is killed and started again is used again, and reported as down once', async () => {
    await using server = await RedisServer.start();
    await using tested = await connect(configFor(server.address));
    await tested.becomes('up');
    await server.kill();
    await tested.becomes('down');
    const longest = await longestCall(tested.redis, afterMs(1_500));
    expect(longest).toBeLessThan(SOON_MS);
    await server.launch();
    await tested.becomes('up');
    expect(tested.states).toEqual(['up', 'down', 'up']);
  });

  it('that hangs delays no call, and is used again when it responds', async () => {
    await using server = await RedisServer.start();
    await using tested = await connect(configFor(server.address));
    await tested.becomes('up');
    server.pause();
    const longest = await longestCall(tested.redis, () => tested.redis.state === 'down');
    expect(longest).toBeLessThan(SOON_MS);
    expect(tested.failures).toEqual(['timeout', 'timeout', 'timeout']);
    // Longer than the timeout of the connection: the next ones are accepted, and do not respond either.
    expect(await longestCall(tested.redis, afterMs(3_000))).toBeLessThan(SOON_MS);
    expect(tested.failures).toHaveLength(3);
    server.resume();
    await tested.becomes('up');
    expect(tested.states).toEqual(['up', 'down', 'up']);
  });

  it('behind a network that drops all packets counts as down, and is used again later', async () => {
    await using server = await RedisServer.start();
    await using network = await FaultProxy.start(server.port);
    await using tested = await connect(configFor(`127.0.0.1:${network.port}`));
    await tested.becomes('up');
    network.blackHole();
    expect(await longestCall(tested.redis, () => tested.redis.state === 'down')).toBeLessThan(SOON_MS);
    await network.accept();
    await tested.becomes('up');
    expect(tested.states).toEqual(['up', 'down', 'up']);
  });

  it('that is slower than the deadline does not delay a call', async () => {
    await using server = await RedisServer.start();
    await using network = await FaultProxy.start(server.port);
    await using tested = await connect(configFor(`127.0.0.1:${network.port}`, { readTimeoutMs: 3_000 }));
    await tested.becomes('up');
    network.latencyMs = 2_000;
    const startedAt = performance.now();
    expect(await tested.redis.call(READ, (commands) => commands.get('a'), 'fallback')).toBe('fallback');
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    network.latencyMs = 300;
    // Operations in the background have a longer deadline.
    expect(await tested.set('a', '1')).toBe('OK');
  });

  it("that responds slowly stays available with the timeouts of distribution's sample", async () => {
    await using server = await RedisServer.start();
    await using network = await FaultProxy.start(server.port);
    const config = schema.parse({ addrs: [`127.0.0.1:${network.port}`], dialtimeout: '10ms', readtimeout: '10ms' });
    if (config === undefined) throw new Error('it has an address');
    await using tested = await connect(config);
    await tested.becomes('up');
    network.latencyMs = 100;
    for (let i = 0; i < 5; i++) expect(await tested.set('a', '1')).toBe('OK');
    expect(tested.states).toEqual(['up']);
    expect(tested.failures).toEqual([]);
  });

  it('that is full is read and not written, until it has space', async () => {
    await using server = await RedisServer.start({ directives: ['maxmemory-policy noeviction'] });
    await server.admin.set('a', '1');
    await using tested = await connect(configFor(server.address));
    await tested.becomes('up');
    await server.admin.config('SET', 'maxmemory', '1');
    expect(await tested.set('b', '2')).toBe('fallback');
    expect(tested.redis.state).toBe('read-only');
    expect(tested.reasons.at(-1)).toMatch(/^OOM/);
    expect(await tested.get('a')).toBe('1');
    await delay(1_000);
    await server.admin.config('SET', 'maxmemory', '0');
    await tested.becomes('up');
    expect(await tested.set('b', '2')).toBe('OK');
    expect(tested.states).toEqual(['up', 'read-only', 'up']);
  });

  it('that has become a replica gets a new connection, and is read meanwhile', async () => {
    await using other = await RedisServer.start();
    await using server = await RedisServer.start();
    await using tested = await connect(configFor(server.address));
    await tested.becomes('up');
    await server.admin.replicaof('127.0.0.1', other.port);
    await until(async () => (await server.admin.info('replication')).includes('master_link_status:up'));
    expect(await tested.set('b', '2')).toBe('fallback');
    await until(async () => (await tested.get('b')) === null);
    expect(tested.states).toEqual(['up', 'read-only', 'down', 'read-only']);
    await server.admin.replicaof('NO', 'ONE');
    await tested.becomes('up');
    expect(await tested.set('b', '2')).toBe('OK');
  });

  it('that is still loading its data counts as down', async () => {
    await using server = await RedisServer.start({ directives: ['enable-debug-command yes', 'key-load-delay 300'] });
    await server.admin.mset(...Array.from({ length: 3_000 }, (_, i) => [`key-${i}`, 'x']).flat());
    await server.admin.save();
    await using tested = await connect(configFor(server.address));
    await tested.becomes('up');
    await server.kill();
    await tested.becomes('down');
    await server.launch();
    const longest = await longestCall(tested.redis, () => tested.redis.state === 'up');
    expect(longest).toBeLessThan(SOON_MS);
    expect(await tested.get('key-1')).toBe('x');
    expect(tested.states).toEqual(['up', 'down', 'up']);
  });

  it('that is the only configured node of a cluster is reported as a mistake', async () => {
    await using cluster = await startCluster();
    await using tested = await connect(configFor(cluster.nodes[0]?.address ?? ''));
    await until(async () => {
      await Promise.all(KEYS.map((key) => tested.get(key)));
      return tested.redis.state === 'down';
    });
    await delay(1_000);
    expect(tested.redis.state).toBe('down');
    expect(tested.reasons.at(-1)).toBe('the server is a node of a cluster: list two or more nodes in redis.addrs');
  });

  it('that rejects a command is still used for others', async () => {
    await using server = await RedisServer.start();
    await server.admin.set('text', 'x');
    await using tested = await connect(configFor(server.address));
    await tested.becomes('up');
    for (let i = 0; i < 5; i++) {
      expect(await tested.redis.call(READ, (commands) => commands.hget('text', 'a'), 'fallback')).toBe('fallback');
    }
    expect(tested.failures).toEqual(['rejected', 'rejected', 'rejected', 'rejected', 'rejected']);
    expect(await tested.get('text')).toBe('x');
    expect(tested.states).toEqual(['up']);
  });

  it('is not used after the connection is closed', async () => {
    await using server = await RedisServer.start();
    await using tested = await connect(configFor(server.address));
    await tested.becomes('up');
    await tested.redis.close();
    expect(await tested.get('a')).toBe('fallback');
    await until(
      async () =>
        String(await server.admin.client('LIST'))
          .trim()
          .split('\n').length === 1,
    );
  });
});

describe.skipIf(missing)('a channel', () => {
  it('delivers messages, and reports when some may be lost', async () => {
    await using server = await RedisServer.start();
    await using tested = await connect(configFor(server.address));
    const received: string[] = [];
    let gaps = 0;
    tested.redis.listen('news', { onMessage: (message) => received.push(message), onGap: () => gaps++ });
    await until(() => gaps === 1);
    await server.admin.publish('news', 'one');
    await until(() => received.length === 1);
    await server.kill();
    await server.launch();
    await until(() => gaps === 2);
    await server.admin.publish('news', 'two');
    await until(() => received.length === 2);
    expect(received).toEqual(['one', 'two']);
  });
});

describe.skipIf(missing)('Sentinel', () => {
  it('provides the new master when the old one dies', async () => {
    await using group = await startSentinels('cache');
    const sentinels = group.sentinels.map(({ address }) => toAddress(address));
    const topology = {
      kind: 'sentinel',
      sentinels,
      masterName: 'cache',
      username: undefined,
      password: undefined,
    } as const;
    await using tested = await connect(configFor('', { topology }));
    await tested.becomes('up');
    expect(await tested.set('a', '1')).toBe('OK');
    await until(async () => (await group.replica.admin.get('a')) === '1');
    await group.master.kill();
    await tested.becomes('down');
    expect(await longestCall(tested.redis, () => tested.redis.state === 'up')).toBeLessThan(SOON_MS);
    expect(await tested.get('a')).toBe('1');
    expect(await tested.set('b', '2')).toBe('OK');
    expect(await group.replica.admin.get('b')).toBe('2');
  });

  it('provides the new master when the old one hangs', async () => {
    await using group = await startSentinels('cache');
    const sentinels = group.sentinels.map(({ address }) => toAddress(address));
    const topology = {
      kind: 'sentinel',
      sentinels,
      masterName: 'cache',
      username: undefined,
      password: undefined,
    } as const;
    await using tested = await connect(configFor('', { topology }));
    await tested.becomes('up');
    group.master.pause();
    expect(await longestCall(tested.redis, () => tested.redis.state === 'down')).toBeLessThan(SOON_MS);
    await tested.becomes('up');
    expect(await tested.set('b', '2')).toBe('OK');
    expect(await group.replica.admin.get('b')).toBe('2');
  });

  it('that is down delays no call', async () => {
    const sentinels = [toAddress(`127.0.0.1:${await freePort()}`)];
    const topology = {
      kind: 'sentinel',
      sentinels,
      masterName: 'cache',
      username: undefined,
      password: undefined,
    } as const;
    await using tested = await connect(configFor('', { topology }));
    await tested.becomes('down');
    expect(await tested.get('a')).toBe('fallback');
    expect(tested.reasons[0]).toContain('sentinels are unreachable');
  });
});

describe.skipIf(missing)('a cluster', () => {
  it('is used as a whole', async () => {
    await using cluster = await startCluster();
    const nodes = cluster.nodes.map(({ address }) => toAddress(address));
    await using tested = await connect(configFor('', { topology: { kind: 'cluster', nodes: nodes.slice(0, 2) } }));
    await tested.becomes('up');
    const keys = Array.from({ length: 30 }, (_, i) => `key-${i}`);
    for (const key of keys) expect(await tested.set(key, key)).toBe('OK');
    for (const key of keys) expect(await tested.get(key)).toBe(key);
    const sizes = await Promise.all(cluster.nodes.map((node) => node.admin.dbsize()));
    expect(Math.min(...sizes)).toBeGreaterThan(0);
  });

  it('with a node that hangs or dies delays no call, and is used again when it is complete', async () => {
    await using cluster = await startCluster();
    const nodes = cluster.nodes.map(({ address }) => toAddress(address));
    await using tested = await connect(configFor('', { topology: { kind: 'cluster', nodes } }));
    await tested.becomes('up');
    const [, victim] = cluster.nodes;
    victim?.pause();
    expect(await longestCallOfAll(tested, afterMs(4_000))).toBeLessThan(SOON_MS);
    victim?.resume();
    await tested.becomes('up');
    await until(async () =>
      (await Promise.all(KEYS.map((key) => tested.set(key, '1')))).every((reply) => reply === 'OK'),
    );
    await victim?.kill();
    expect(await longestCallOfAll(tested, afterMs(4_000))).toBeLessThan(SOON_MS);
    await victim?.launch();
    await tested.becomes('up');
    await until(async () =>
      (await Promise.all(KEYS.map((key) => tested.set(key, '1')))).every((reply) => reply === 'OK'),
    );
  });

  it('delivers messages that are published on any node, also when the subscribed node dies', async () => {
    await using cluster = await startCluster();
    const nodes = cluster.nodes.map(({ address }) => toAddress(address));
    await using tested = await connect(configFor('', { topology: { kind: 'cluster', nodes } }));
    const received: string[] = [];
    let gaps = 0;
    tested.redis.listen('news', { onMessage: (message) => received.push(message), onGap: () => gaps++ });
    await until(() => gaps === 1);
    await cluster.nodes[2]?.admin.publish('news', 'one');
    await until(() => received.includes('one'));
    await cluster.nodes[0]?.kill();
    await until(() => gaps === 2);
    await cluster.nodes[2]?.admin.publish('news', 'two');
    await until(() => received.includes('two'));
    expect(received).toEqual(['one', 'two']);
  });
});

const KEYS = Array.from({ length: 12 }, (_, i) => `key-${i}`);

async function longestCallOfAll({ redis }: { redis: Parameters<typeof longestCall>[0] }, isOver: () => boolean) {
  let longest = 0;
  while (!isOver()) {
    for (const key of KEYS) {
      const startedAt = performance.now();
      await redis.call(READ, (commands) => commands.get(key), undefined);
      longest = Math.max(longest, performance.now() - startedAt);
    }
    await delay(5);
  }
  return longest;
}

function afterMs(ms: number): () => boolean {
  const end = performance.now() + ms;
  return () => performance.now() > end;
}
