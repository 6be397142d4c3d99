import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { freePort } from '../support/processes.ts';
import { RedisServer, startCluster, startSentinels, until } from '../support/redis.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { configFor, connect, longestCall, missing, READ, toAddress } from './redis-under-test.ts';

/** Far more than the deadline of 20 ms, for a machine that is busy with other things; far less than any wait for Redis. */
const SOON_MS = 500;

describe.skipIf(missing)('a Redis', () => {
  it('is used from the moment it is there', async () => {
    await using server = await RedisServer.start();
    await using tested = await connect(configFor(server.address));
    await tested.becomes('up');
    expect(await tested.set('a', '1')).toBe('OK');
    expect(await tested.get('a')).toBe('1');
    expect(tested.states).toEqual(['up']);
  });

  it('may be absent at the start, and come later', async () => {
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

  it('that is killed and started again is used again, and said to be gone once', async () => {
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

  it('that hangs is not waited for, and used again when it answers', async () => {
    await using server = await RedisServer.start();
    await using tested = await connect(configFor(server.address));
    await tested.becomes('up');
    server.pause();
    const longest = await longestCall(tested.redis, () => tested.redis.state === 'down');
    expect(longest).toBeLessThan(SOON_MS);
    expect(tested.failures).toEqual(['timeout', 'timeout', 'timeout']);
    // Longer than it takes to give the connection up: the next ones are accepted, and as silent.
    expect(await longestCall(tested.redis, afterMs(3_000))).toBeLessThan(SOON_MS);
    expect(tested.failures).toHaveLength(3);
    server.resume();
    await tested.becomes('up');
    expect(tested.states).toEqual(['up', 'down', 'up']);
  });

  it('behind a network that swallows everything is given up, and found again', async () => {
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

  it('that is slower than the deadline is not waited for', async () => {
    await using server = await RedisServer.start();
    await using network = await FaultProxy.start(server.port);
    await using tested = await connect(configFor(`127.0.0.1:${network.port}`, { readTimeoutMs: 3_000 }));
    await tested.becomes('up');
    network.latencyMs = 300;
    const startedAt = performance.now();
    expect(await tested.redis.call(READ, (commands) => commands.get('a'), 'fallback')).toBe('fallback');
    expect(performance.now() - startedAt).toBeLessThan(250);
    // Nobody waits for what is done in the background, so it may take its time.
    expect(await tested.set('a', '1')).toBe('OK');
  });

  it('that is full is read and not written, until it has room', async () => {
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

  it('that has become a replica is left for a new connection, and read meanwhile', async () => {
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

  it('that is still loading what it saved counts as not there', async () => {
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

  it('that is a node of a cluster, named alone, is said to need others', async () => {
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

  it('that rejects a command is still there for others', async () => {
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

  it('is not asked after the end', async () => {
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
  it('brings what others publish, and says when something may have been missed', async () => {
    await using server = await RedisServer.start();
    await using tested = await connect(configFor(server.address));
    const heard: string[] = [];
    let gaps = 0;
    tested.redis.listen('news', { onMessage: (message) => heard.push(message), onGap: () => gaps++ });
    await until(() => gaps === 1);
    await server.admin.publish('news', 'one');
    await until(() => heard.length === 1);
    await server.kill();
    await server.launch();
    await until(() => gaps === 2);
    await server.admin.publish('news', 'two');
    await until(() => heard.length === 2);
    expect(heard).toEqual(['one', 'two']);
  });
});

describe.skipIf(missing)('Sentinel', () => {
  it('leads to the new master when the old one dies', async () => {
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

  it('leads to the new master when the old one hangs', async () => {
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

  it('that is not there at all is no reason to wait', async () => {
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
  it('is used as one', async () => {
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

  it('of which one node hangs or dies is not waited for, and used again when it is whole', async () => {
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

  it('brings what is published on any node, also when the one that was listened to dies', async () => {
    await using cluster = await startCluster();
    const nodes = cluster.nodes.map(({ address }) => toAddress(address));
    await using tested = await connect(configFor('', { topology: { kind: 'cluster', nodes } }));
    const heard: string[] = [];
    let gaps = 0;
    tested.redis.listen('news', { onMessage: (message) => heard.push(message), onGap: () => gaps++ });
    await until(() => gaps === 1);
    await cluster.nodes[2]?.admin.publish('news', 'one');
    await until(() => heard.includes('one'));
    await cluster.nodes[0]?.kill();
    await until(() => gaps === 2);
    await cluster.nodes[2]?.admin.publish('news', 'two');
    await until(() => heard.includes('two'));
    expect(heard).toEqual(['one', 'two']);
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
