import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';

import { Cluster, Redis, type RedisOptions } from 'ioredis';

import type { RedisAddress, RedisConfig, RedisTlsConfig } from '../config/config.ts';

/** Replies keep the shapes they have in RESP2. */
type Options = Omit<RedisOptions, 'replyMapping'>;

/** The library's clients: one connection, or one to each node of a cluster. */
export type Client = Redis | Cluster;

/** Until the first attempt to connect again; doubles up to the second. Milliseconds. */
const MIN_RECONNECT_MS = 50;
const MAX_RECONNECT_MS = 2_000;
/** How long a cluster's map of slots may take to come. Milliseconds. */
const SLOTS_TIMEOUT_MS = 1_000;
/** Between two tries of a command that a node of a cluster could not take; nobody waits for it by then. Milliseconds. */
const CLUSTER_RETRY_MS = 100;

/** @returns undefined for a plain connection. @throws {Error} naming the file that cannot be read */
export async function loadTls(tls: RedisTlsConfig | undefined): Promise<ConnectionOptions | undefined> {
  if (tls === undefined) return undefined;
  const { certificateFile, keyFile, caFiles } = tls;
  const [cert, key, ca] = await Promise.all([
    certificateFile === undefined ? undefined : readPem('redis.tls.certificate', certificateFile),
    keyFile === undefined ? undefined : readPem('redis.tls.key', keyFile),
    Promise.all(caFiles.map((file) => readPem('redis.tls.rootcas', file))),
  ]);
  return { cert, key, ...(ca.length > 0 && { ca }) };
}

async function readPem(configKey: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw new Error(`${configKey}: ${path} cannot be read (${code})`, { cause });
  }
}

export function reconnectDelayMs(attempt: number): number {
  return Math.min(MIN_RECONNECT_MS * 2 ** Math.min(attempt - 1, 10), MAX_RECONNECT_MS) * (0.75 + Math.random() / 2);
}

/** Begins to connect, and goes on trying until it is told to disconnect. Commands fail at once until it is connected. */
export function createClient(config: RedisConfig, tls: ConnectionOptions | undefined): Client {
  const { topology } = config;
  if (topology.kind !== 'cluster') {
    return new Redis({
      ...singleOptions(config, tls),
      retryStrategy: reconnectDelayMs,
      sentinelRetryStrategy: reconnectDelayMs,
    });
  }
  return new Cluster(topology.nodes.map(toNode), {
    enableOfflineQueue: false,
    maxRedirections: config.maxRedirects,
    retryDelayOnFailover: CLUSTER_RETRY_MS,
    retryDelayOnClusterDown: CLUSTER_RETRY_MS,
    slotsRefreshTimeout: SLOTS_TIMEOUT_MS,
    clusterRetryStrategy: reconnectDelayMs,
    redisOptions: commonOptions(config, tls),
  });
}

/**
 * A connection for subscriptions alone; it ends when it is lost. On a cluster any node will do, as all of them hear what
 * is published.
 *
 * @param attempt counts from 0, to take another node each time
 */
export function createSubscriber(config: RedisConfig, tls: ConnectionOptions | undefined, attempt: number): Redis {
  return new Redis({ ...singleOptions(config, tls, attempt), retryStrategy: null, sentinelRetryStrategy: () => null });
}

function singleOptions(config: RedisConfig, tls: ConnectionOptions | undefined, attempt = 0): Options {
  const { topology } = config;
  const common = commonOptions(config, tls);
  if (topology.kind === 'standalone') return { ...common, ...toNode(topology.address), db: config.database };
  if (topology.kind === 'cluster') {
    const node = topology.nodes[attempt % topology.nodes.length];
    return { ...common, ...(node && toNode(node)) };
  }
  return {
    ...common,
    db: config.database,
    name: topology.masterName,
    sentinels: topology.sentinels.map(toNode),
    sentinelUsername: topology.username,
    sentinelPassword: topology.password,
    sentinelCommandTimeout: config.readTimeoutMs,
    // Tells the master from what a sentinel still takes for it.
    enableReadyCheck: true,
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  };
}

function commonOptions(config: RedisConfig, tls: ConnectionOptions | undefined): Options {
  const { identity } = config;
  return {
    username: config.username,
    password: config.password,
    connectionName: config.clientName,
    protocol: config.protocol,
    connectTimeout: config.connectTimeoutMs,
    socketTimeout: config.readTimeoutMs,
    disableClientInfo: identity === undefined,
    clientInfoTag: identity || undefined,
    // Whoever asks has something better to do than to wait for a connection, or for a second try.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableReadyCheck: false,
    ...(tls && { tls }),
  };
}

function toNode({ host, port }: RedisAddress): { host: string; port: number } {
  return { host, port };
}
