import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { describe, expect, it } from 'vitest';

import { DescriptorCache } from '../../src/cache/descriptor-cache.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { createRedis } from '../../src/redis/create-redis.ts';
import { Leases } from '../../src/redis/lease.ts';
import { RedisServer, startCluster, startSentinels, until } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { configFor, connect, missing, toAddress } from './redis-under-test.ts';

const RULE =
  'user layover on >secret resetchannels &layover:v1:* resetkeys ~layover:v1:* ~repository::* ~blobs::* ' +
  '-@all +@read +@write +@connection +@pubsub +@scripting -@dangerous +time';
const USER = { username: 'layover', password: 'secret' };

describe.skipIf(missing)('a Redis with a password', () => {
  it.each([2, 3] as const)('is used with the password, over RESP%i', async (protocol) => {
    await using server = await RedisServer.start({ directives: ['requirepass secret'], password: 'secret' });
    await using tested = await connect(configFor(server.address, { password: 'secret', protocol }));
    await tested.becomes('up');
    expect(await tested.set('a', '1')).toBe('OK');
  });

  it.each([undefined, 'wrong-secret'])(
    'is unavailable with password %s, and the reason does not contain it',
    async (password) => {
      await using server = await RedisServer.start({ directives: ['requirepass secret'], password: 'secret' });
      await using tested = await connect(configFor(server.address, { password }));
      await tested.becomes('down');
      expect(await tested.set('a', '1')).toBe('fallback');
      expect(tested.reasons.join()).toMatch(/NOAUTH|WRONGPASS/);
      expect(tested.reasons.join()).not.toContain('secret');
    },
  );

  it('works with an ACL user who has the permissions in docs/redis.md, and no others', async () => {
    await using server = await RedisServer.start({ directives: [RULE] });
    await using tested = await connect(configFor(server.address, USER));
    await tested.becomes('up');
    expect(await tested.set('layover:v1:a', '1')).toBe('OK');
    expect(await tested.set('foreign', '1')).toBe('fallback');
    expect(tested.failures).toEqual(['rejected']);
    expect(tested.redis.state).toBe('up');
    const leases = new Leases({ redis: tested.redis, address: 'one' });
    const attempt = await leases.acquire('sha256:a', 5_000);
    if (attempt.kind !== 'held') throw new Error(attempt.kind);
    expect(await attempt.lease.renew()).toBe(true);
    await attempt.lease.release();
    const events = { descriptorLookedUp: () => {}, sharedCacheAccessed: () => {} };
    const cache = new DescriptorCache({ maxEntries: 10, redis: tested.redis, events });
    cache.set('library/app', digestOf(Buffer.alloc(0)), 0);
    await until(async () => (await server.admin.exists('repository::library/app::blobs')) === 1);
    cache.remove('library/app', digestOf(Buffer.alloc(0)));
    await until(async () => (await server.admin.exists('repository::library/app::blobs')) === 0);
    expect(tested.failures).toEqual(['rejected']);
    let gaps = 0;
    tested.redis.listen('layover:v1:news', { onMessage: () => {}, onGap: () => gaps++ });
    await until(() => gaps === 1);
  });

  it('works with such a user of a cluster', async () => {
    await using cluster = await startCluster([`${RULE} +cluster|slots +cluster|info`]);
    const nodes = cluster.nodes.map(({ address }) => toAddress(address));
    await using tested = await connect(configFor('', { ...USER, topology: { kind: 'cluster', nodes } }));
    await tested.becomes('up');
    for (const key of ['a', 'b', 'c', 'd']) expect(await tested.set(`layover:v1:${key}`, '1')).toBe('OK');
  });

  it('works with such a user behind Sentinel', async () => {
    await using group = await startSentinels('cache', [`${RULE} +info`]);
    const sentinels = group.sentinels.map(({ address }) => toAddress(address));
    const own = { username: undefined, password: undefined };
    const topology = { kind: 'sentinel', sentinels, masterName: 'cache', ...own } as const;
    await using tested = await connect(configFor('', { ...USER, topology }));
    await tested.becomes('up');
    expect(await tested.set('layover:v1:a', '1')).toBe('OK');
  });

  it('uses the configured database and connection name', async () => {
    await using server = await RedisServer.start();
    await using tested = await connect(configFor(server.address, { database: 5, clientName: 'cache-1' }));
    await tested.becomes('up');
    await tested.set('a', '1');
    expect(await server.admin.get('a')).toBe(null);
    expect(await server.admin.client('LIST')).toMatch(/name=cache-1 .*db=5/);
    await server.admin.select(5);
    expect(await server.admin.get('a')).toBe('1');
  });
});

async function certificates() {
  const directory = await temporaryDirectory();
  const ca = await generate([{ name: 'commonName', value: 'Redis CA' }], {
    extensions: [{ name: 'basicConstraints', cA: true }],
  });
  const leaf = await generate([{ name: 'commonName', value: 'localhost' }], {
    ca: { key: ca.private, cert: ca.cert },
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  const file = async (name: string, text: string) => {
    const path = join(directory.path, name);
    await writeFile(path, text);
    return path;
  };
  const files = {
    ca: await file('ca.pem', ca.cert),
    cert: await file('cert.pem', leaf.cert),
    key: await file('key.pem', leaf.private),
  };
  return { ...files, caText: ca.cert, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

describe.skipIf(missing)('a Redis with TLS', () => {
  it('is used with a configured CA, and a client certificate', async () => {
    await using files = await certificates();
    const directives = [`tls-cert-file ${files.cert}`, `tls-key-file ${files.key}`, `tls-ca-cert-file ${files.ca}`];
    await using server = await RedisServer.start({
      directives: [...directives, 'tls-auth-clients yes'],
      ca: files.caText,
    });
    const tls = { certificateFile: files.cert, keyFile: files.key, caFiles: [files.ca] };
    await using tested = await connect(configFor(server.address, { tls }));
    await tested.becomes('up');
    expect(await tested.set('a', '1')).toBe('OK');
    expect(await tested.get('a')).toBe('1');
    let gaps = 0;
    tested.redis.listen('news', { onMessage: () => {}, onGap: () => gaps++ });
    await until(() => gaps === 1);
  });

  it('is rejected without that CA', async () => {
    await using files = await certificates();
    const directives = [`tls-cert-file ${files.cert}`, `tls-key-file ${files.key}`, 'tls-auth-clients no'];
    await using server = await RedisServer.start({
      directives: [...directives, `tls-ca-cert-file ${files.ca}`],
      ca: files.caText,
    });
    const tls = { certificateFile: undefined, keyFile: undefined, caFiles: [] };
    await using tested = await connect(configFor(server.address, { tls }));
    await tested.becomes('down');
    expect(tested.reasons[0]).toMatch(/certificate/);
    expect(await tested.set('a', '1')).toBe('fallback');
  });

  it('requires its files at startup', async () => {
    const tls = { certificateFile: undefined, keyFile: undefined, caFiles: ['/nonexistent/ca.pem'] };
    const events = { redisChanged: () => {}, redisCalled: () => {} };
    await expect(createRedis(configFor('127.0.0.1:1', { tls }), { events })).rejects.toThrow(
      'redis.tls.rootcas: /nonexistent/ca.pem cannot be read (ENOENT)',
    );
  });
});
