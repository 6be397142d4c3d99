import type { DescriptorCacheConfig, RedisAddress, RedisConfig, RedisTlsConfig, RedisTopology } from './config.ts';
import type { RawConfig } from './schema/schema.ts';

/** As distribution's client library. */
const CONNECT_TIMEOUT = 5_000;
const READ_TIMEOUT = 3_000;
const MAX_REDIRECTS = 3;
/** What a pull waits for Redis at most. */
const DEADLINE = 20;
/** Distribution has 10 000; these entries are small. */
const MAX_DESCRIPTORS = 50_000;
/** What "unlimited" means. */
const UNLIMITED_DESCRIPTORS = 1_000_000;

type RawRedis = NonNullable<RawConfig['redis']>;

/** @returns undefined without an address, as distribution has it */
export function resolveRedis(redis: RawRedis | undefined): RedisConfig | undefined {
  const topology = redis && resolveTopology(redis);
  if (!redis || !topology) return undefined;
  const readTimeoutMs = positive(redis.readtimeout) ?? READ_TIMEOUT;
  return {
    topology,
    username: redis.username || undefined,
    password: redis.password || undefined,
    database: redis.db ?? 0,
    clientName: redis.clientname || undefined,
    identity: redis.disableidentity ? undefined : (redis.identitysuffix ?? ''),
    protocol: redis.protocol === 2 ? 2 : 3,
    tls: redis.tls && resolveTls(redis.tls),
    connectTimeoutMs: positive(redis.dialtimeout) ?? CONNECT_TIMEOUT,
    readTimeoutMs,
    deadlineMs: Math.min(redis.deadline ?? DEADLINE, readTimeoutMs),
    maxRedirects: positive(redis.maxredirects) ?? MAX_REDIRECTS,
  };
}

function resolveTopology(redis: RawRedis): RedisTopology | undefined {
  const addresses = (redis.addrs?.length ? redis.addrs : redis.addr ? [redis.addr] : []).map(toAddress);
  const [first] = addresses;
  if (first === undefined) return undefined;
  if (redis.mastername) {
    return {
      kind: 'sentinel',
      sentinels: addresses,
      masterName: redis.mastername,
      username: redis.sentinelusername || undefined,
      password: redis.sentinelpassword || undefined,
    };
  }
  return addresses.length > 1 ? { kind: 'cluster', nodes: addresses } : { kind: 'standalone', address: first };
}

function toAddress(addr: NonNullable<RawRedis['addr']>): RedisAddress {
  return { host: addr.host ?? 'localhost', port: addr.port };
}

function resolveTls({
  enabled,
  certificate,
  key,
  rootcas = [],
}: NonNullable<RawRedis['tls']>): RedisTlsConfig | undefined {
  const isOn = enabled ?? (certificate !== undefined || key !== undefined || rootcas.length > 0);
  if (!isOn) return undefined;
  const hasPair = Boolean(certificate && key);
  return {
    certificateFile: hasPair ? certificate : undefined,
    keyFile: hasPair ? key : undefined,
    caFiles: rootcas,
  };
}

/** Shared where there is a Redis, unless it is said that they are not to be. */
export function resolveDescriptorCache({ storage, redis }: RawConfig): DescriptorCacheConfig {
  const { blobdescriptor, layerinfo, blobdescriptorsize: size } = storage.cache ?? {};
  const kind = (blobdescriptor || layerinfo) ?? 'redis';
  return {
    shared: kind === 'redis' && resolveRedis(redis) !== undefined,
    maxEntries: size === 0 ? UNLIMITED_DESCRIPTORS : (positive(size) ?? MAX_DESCRIPTORS),
  };
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}
