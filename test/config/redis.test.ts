import { describe, expect, it } from 'vitest';

import type { Config } from '../../src/config/config.ts';
import { redactedConfig } from '../../src/config/redact.ts';
import { load, problemsOf, warningsOf } from './config-file.ts';

const MINIMAL = 'version: 0.1\nstorage: inmemory\n';

async function configOf(text: string, env = {}): Promise<Config> {
  return (await load(`${MINIMAL}${text}\n`, env)).config;
}

const redisOf = async (redis: string, env = {}) => (await configOf(`redis: ${redis}`, env)).redis;

describe('redis', () => {
  it('is off without an address', async () => {
    expect(await redisOf('{}')).toBe(undefined);
    expect(await redisOf('{addrs: []}')).toBe(undefined);
    expect(await warningsOf(`${MINIMAL}redis: {password: a}\n`)).toEqual([
      'config.yml:3:1 redis: has no effect without redis.addrs',
    ]);
  });

  it('has the defaults of distribution, and a short deadline for pulls', async () => {
    expect(await redisOf('{addrs: ["redis:6379"]}')).toEqual({
      topology: { kind: 'standalone', address: { host: 'redis', port: 6379 } },
      username: undefined,
      password: undefined,
      database: 0,
      clientName: undefined,
      identity: '',
      protocol: 3,
      tls: undefined,
      connectTimeoutMs: 5_000,
      readTimeoutMs: 3_000,
      deadlineMs: 20,
      maxRedirects: 3,
    });
  });

  it('is one server with one address, Sentinel with a master’s name, and a cluster with several addresses', async () => {
    expect((await redisOf('{addr: ":6379"}'))?.topology).toEqual({
      kind: 'standalone',
      address: { host: 'localhost', port: 6379 },
    });
    expect(
      (await redisOf('{addrs: ["a:1", "[::1]:2"], mastername: m, sentinelusername: u, sentinelpassword: p}'))?.topology,
    ).toEqual({
      kind: 'sentinel',
      sentinels: [
        { host: 'a', port: 1 },
        { host: '::1', port: 2 },
      ],
      masterName: 'm',
      username: 'u',
      password: 'p',
    });
    expect((await redisOf('{addrs: ["a:1", "b:2"]}'))?.topology).toEqual({
      kind: 'cluster',
      nodes: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
    });
  });

  it('accepts its options, also from the environment', async () => {
    const text = `{addrs: ["a:1"], username: u, db: 5, clientname: c, protocol: 2, dialtimeout: 2s, readtimeout: 4s,
  disableidentity: true, maxredirects: 5}`;
    expect(await redisOf(text, { REGISTRY_REDIS_PASSWORD: 'p' })).toMatchObject({
      username: 'u',
      password: 'p',
      database: 5,
      clientName: 'c',
      identity: undefined,
      protocol: 2,
      connectTimeoutMs: 2_000,
      readTimeoutMs: 4_000,
      deadlineMs: 20,
      maxRedirects: 5,
    });
    const fromEnvironment = { REGISTRY_REDIS_ADDRS: '["b:2"]', REGISTRY_REDIS_DEADLINE: '5ms' };
    expect(await redisOf('{}', fromEnvironment)).toMatchObject({
      topology: { kind: 'standalone', address: { host: 'b', port: 2 } },
      deadlineMs: 5,
    });
  });

  it('shortens only the waits of clients, and not those in the background', async () => {
    expect(await redisOf('{addrs: ["a:1"], dialtimeout: 10ms, readtimeout: 10ms}')).toMatchObject({
      connectTimeoutMs: 1_000,
      readTimeoutMs: 1_000,
      deadlineMs: 10,
    });
  });

  it('uses TLS when any of its options is set', async () => {
    const tlsOf = async (tls: string) => (await redisOf(`{addrs: ["a:1"], tls: ${tls}}`))?.tls;
    expect(await tlsOf('{}')).toBe(undefined);
    expect(await tlsOf('{enabled: false, rootcas: [ca.pem]}')).toBe(undefined);
    expect(await tlsOf('{enabled: true}')).toEqual({ certificateFile: undefined, keyFile: undefined, caFiles: [] });
    expect(await tlsOf('{certificate: c.pem, key: k.pem, rootcas: [ca.pem]}')).toEqual({
      certificateFile: 'c.pem',
      keyFile: 'k.pem',
      caFiles: ['ca.pem'],
    });
    expect(await tlsOf('{certificate: c.pem}')).toEqual({
      certificateFile: undefined,
      keyFile: undefined,
      caFiles: [],
    });
    expect(await warningsOf(`${MINIMAL}redis: {addrs: ["a:1"], tls: {certificate: c.pem}}\n`)).toEqual([
      'config.yml:3:25 redis.tls: no client certificate is sent: it needs both certificate and key',
    ]);
  });

  it('warns about options without effect', async () => {
    const text =
      'redis: {addrs: ["a:1"], poolsize: 64, maxretries: 3, writetimeout: 1s, readonly: true, routerandomly: no}';
    expect((await warningsOf(`${MINIMAL}${text}\n`)).map((warning) => warning.replace(/^\S+ /, ''))).toEqual([
      'redis.poolsize: not honoured by this version: one connection carries all commands',
      'redis.maxretries: not honoured by this version: commands are not retried',
      'redis.writetimeout: not honoured by this version: redis.readtimeout covers the command and its reply',
      'redis.readonly: not honoured by this version: masters are used',
    ]);
  });

  it('is shown without its passwords', async () => {
    const text = 'redis: {addrs: ["a:1"], mastername: m, password: hunter2, sentinelpassword: hunter2}';
    const shown = JSON.stringify(redactedConfig(await configOf(text)));
    expect(shown).not.toContain('hunter2');
    expect(JSON.parse(shown)).toMatchObject({ redis: { password: '***', topology: { password: '***' } } });
  });
});

describe('storage.cache', () => {
  const descriptorsOf = async (cache: string, redis = 'redis: {addrs: ["a:1"]}') =>
    (await load(`version: 0.1\nstorage: {inmemory: {}, cache: ${cache}}\n${redis}\n`)).config.descriptors;

  it('is shared through Redis, unless it is set to memory', async () => {
    expect(await descriptorsOf('{}')).toEqual({ shared: true, maxEntries: 50_000 });
    expect(await descriptorsOf('{blobdescriptor: redis}')).toEqual({ shared: true, maxEntries: 50_000 });
    expect(await descriptorsOf('{layerinfo: inmemory, blobdescriptorsize: 10}')).toEqual({
      shared: false,
      maxEntries: 10,
    });
    expect(await descriptorsOf('{}', '')).toEqual({ shared: false, maxEntries: 50_000 });
    expect(await descriptorsOf('{blobdescriptor: inmemory, blobdescriptorsize: 0}', '')).toEqual({
      shared: false,
      maxEntries: 1_000_000,
    });
  });

  it('in Redis requires Redis', async () => {
    expect(await problemsOf('version: 0.1\nstorage: {inmemory: {}, cache: {blobdescriptor: redis}}\n')).toEqual([
      'config.yml:2:49 storage.cache.blobdescriptor: requires redis.addrs',
    ]);
  });

  it('of an unknown kind is in memory, with a warning', async () => {
    const text = 'version: 0.1\nstorage: {inmemory: {}, cache: {blobdescriptor: memcached}}\n';
    expect(await warningsOf(text)).toEqual([
      'config.yml:2:49 storage.cache.blobdescriptor: unknown value, inmemory is used (use redis or inmemory)',
    ]);
  });
});
