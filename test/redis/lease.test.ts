import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';

import { type Lease, Leases } from '../../src/redis/lease.ts';
import { freePort, RunningProcess } from '../support/processes.ts';
import { RedisServer, startCluster, until } from '../support/redis.ts';
import { configFor, connect, missing, toAddress } from './redis-under-test.ts';

async function leasesAt(address: string, ownAddress: string): Promise<Leases> {
  const tested = await connect(configFor(address, { deadlineMs: 500 }));
  onTestFinished(() => tested[Symbol.asyncDispose]());
  await tested.becomes('up');
  return new Leases({ redis: tested.redis, address: ownAddress });
}

async function held(attempt: ReturnType<Leases['acquire']>): Promise<Lease> {
  const result = await attempt;
  if (result.kind !== 'held') throw new Error(result.kind);
  return result.lease;
}

describe.skipIf(missing)('a lease', () => {
  it('has one holder, whose address the others get', async () => {
    await using server = await RedisServer.start();
    const [one, two] = [
      await leasesAt(server.address, 'http://one:5000'),
      await leasesAt(server.address, 'http://two:5000'),
    ];
    const lease = await held(one.acquire('sha256:a', 5_000));
    const attempt = await two.acquire('sha256:a', 5_000);
    if (attempt.kind !== 'taken') throw new Error(attempt.kind);
    expect(attempt.holder).toMatchObject({ address: 'http://one:5000', token: lease.token });
    expect(attempt.holder.remainingMs).toBeGreaterThan(0);
    expect(attempt.holder.remainingMs).toBeLessThanOrEqual(5_000);
    expect((await two.acquire('sha256:b', 5_000)).kind).toBe('held');
  });

  it('is acquired by exactly one of many concurrent attempts', async () => {
    await using server = await RedisServer.start();
    const all = await Promise.all(['one', 'two', 'three'].map((name) => leasesAt(server.address, name)));
    const attempts = all.flatMap((leases) => Array.from({ length: 20 }, () => leases.acquire('sha256:a', 5_000)));
    const kinds = (await Promise.all(attempts)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'held')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'taken')).toHaveLength(59);
  });

  it('has a greater token for each holder, also after a flush', async () => {
    await using server = await RedisServer.start();
    const leases = await leasesAt(server.address, 'one');
    const tokens: number[] = [];
    for (let i = 0; i < 20; i++) {
      const lease = await held(leases.acquire('sha256:a', 5_000));
      tokens.push(lease.token);
      if (i % 5 === 0) await server.admin.flushall();
      await lease.release();
      expect(lease.lost.aborted).toBe(true);
    }
    expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));
  });

  it('lasts as long as its process runs', async () => {
    await using server = await RedisServer.start();
    const [one, two] = [await leasesAt(server.address, 'one'), await leasesAt(server.address, 'two')];
    const lease = await held(one.acquire('sha256:a', 600));
    await delay(2_000);
    expect(lease.lost.aborted).toBe(false);
    expect((await two.acquire('sha256:a', 600)).kind).toBe('taken');
    await lease.release();
    expect((await two.acquire('sha256:a', 600)).kind).toBe('held');
  });

  it('is lost when another process holds it, which renewing detects', async () => {
    await using server = await RedisServer.start();
    const [one, two] = [await leasesAt(server.address, 'one'), await leasesAt(server.address, 'two')];
    const lease = await held(one.acquire('sha256:a', 5_000));
    await server.admin.flushall();
    const next = await held(two.acquire('sha256:a', 5_000));
    expect(await lease.renew()).toBe(false);
    expect(lease.lost.aborted).toBe(true);
    expect(lease.lost.reason).toEqual(new Error('lease taken by another process'));
    // Releasing a lost lease does not affect the present holder.
    await lease.release();
    expect(await next.renew()).toBe(true);
    expect(next.lost.aborted).toBe(false);
  });

  it('is lost in time when Redis dies, and cannot be acquired again', async () => {
    await using server = await RedisServer.start();
    const leases = await leasesAt(server.address, 'one');
    const lease = await held(leases.acquire('sha256:a', 800));
    const aborted = new Promise<void>((resolve) => lease.lost.addEventListener('abort', () => resolve()));
    await server.kill();
    await aborted;
    expect(lease.lost.reason).toEqual(new Error('lease not renewed in time'));
    expect(await leases.acquire('sha256:a', 800)).toEqual({ kind: 'unavailable' });
  });

  it('survives an outage of Redis that is shorter than its TTL', async () => {
    await using server = await RedisServer.start();
    const leases = await leasesAt(server.address, 'one');
    const lease = await held(leases.acquire('sha256:a', 6_000));
    server.pause();
    await delay(2_500);
    server.resume();
    await until(() => lease.renew());
    await delay(4_500);
    expect(lease.lost.aborted).toBe(false);
  });

  it('is unavailable without Redis', async () => {
    await using tested = await connect(configFor(`127.0.0.1:${await freePort()}`));
    const leases = new Leases({ redis: tested.redis, address: 'one' });
    expect(await leases.acquire('sha256:a', 1_000)).toEqual({ kind: 'unavailable' });
  });

  it('works on a cluster, for every name', async () => {
    await using cluster = await startCluster();
    const nodes = cluster.nodes.map(({ address }) => toAddress(address));
    await using tested = await connect(configFor('', { topology: { kind: 'cluster', nodes }, deadlineMs: 500 }));
    await tested.becomes('up');
    const leases = new Leases({ redis: tested.redis, address: 'one' });
    for (const name of ['sha256:a', 'sha256:b', '{c}', 'd}e{f', 'g h']) {
      const lease = await held(leases.acquire(name, 5_000));
      expect((await leases.acquire(name, 5_000)).kind).toBe('taken');
      expect(await lease.renew()).toBe(true);
      await lease.release();
    }
  });
});

describe.skipIf(missing)('a process that holds a lease', () => {
  async function startHolder(address: string, ttlMs: number): Promise<RunningProcess> {
    const program = new URL('lease-holder.ts', import.meta.url).pathname;
    const holder = await RunningProcess.start(process.execPath, ['--import', 'tsx', program, address, String(ttlMs)], {
      env: process.env,
    });
    onTestFinished(() => {
      holder.kill('SIGKILL');
    });
    await holder.waitForOutput(/held/);
    return holder;
  }

  it('loses it when it is killed, and another process acquires it after the TTL', async () => {
    await using server = await RedisServer.start();
    const holder = await startHolder(server.address, 1_000);
    const leases = await leasesAt(server.address, 'two');
    expect(await leases.acquire('shared', 1_000)).toMatchObject({ kind: 'taken', holder: { address: 'holder' } });
    holder.kill('SIGKILL');
    await until(async () => (await leases.acquire('shared', 1_000)).kind === 'held');
  });

  it('does not use it after a pause longer than the TTL', async () => {
    await using server = await RedisServer.start();
    const holder = await startHolder(server.address, 1_000);
    const leases = await leasesAt(server.address, 'two');
    await holder.waitForOutput(/acted/);
    holder.kill('SIGSTOP');
    await until(async () => (await leases.acquire('shared', 60_000)).kind === 'held');
    const actedBefore = holder.output.split('acted').length;
    holder.kill('SIGCONT');
    await holder.waitForOutput(/lost: lease not renewed in time/);
    expect(holder.output.split('acted').length).toBe(actedBefore);
  });
});
