import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';

import { Cluster, Redis, type RedisOptions } from 'ioredis';

import type { RedisAddress, RedisConnectionOptions, RedisTlsOptions } from './options.ts';

/** Replies have their RESP2 format. */
type Options = Omit<RedisOptions, 'replyMapping'>;

/** The library's clients: one connection, or one to each node of a cluster. */
export type Client = Redis | Cluster;

/** Delay before the first attempt to reconnect; doubles up to the second constant. Milliseconds. */
const MIN_RECONNECT_MS = 50;
const MAX_RECONNECT_MS = 2_000;
/** Timeout for reading a cluster's slots. Milliseconds. */
const SLOTS_TIMEOUT_MS = 1_000;
/** Delay before the library retries a command that a node of a cluster did not accept. Callers no longer wait then. Milliseconds. */
const CLUSTER_RETRY_MS = 100;

/** @returns undefined for a connection without TLS. @throws {Error} with the name of a file that cannot be read */
export async function loadTls(tls: RedisTlsOptions | undefined): Promise<ConnectionOptions | undefined> {
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

/** Exponential, with jitter. @param attempt from 1 */
export function reconnectDelayMs(attempt: number): number {
  return Math.min(MIN_RECONNECT_MS * 2 ** Math.min(attempt - 1, 10), MAX_RECONNECT_MS) * (0.75 + Math.random() / 2);
}

/** Starts to connect, and retries until `disconnect` is called. Commands fail at once while it is not connected. */
export function createClient(options: RedisConnectionOptions, tls: ConnectionOptions | undefined): Client {
  const { topology } = options;
  if (topology.kind !== 'cluster') {
    return new Redis({
      ...singleOptions(options, tls),
      retryStrategy: reconnectDelayMs,
      sentinelRetryStrategy: reconnectDelayMs,
    });
  }
  return new Cluster(topology.nodes.map(toNode), {
    enableOfflineQueue: false,
    maxRedirections: options.maxRedirects,
    retryDelayOnFailover: CLUSTER_RETRY_MS,
    retryDelayOnClusterDown: CLUSTER_RETRY_MS,
    slotsRefreshTimeout: SLOTS_TIMEOUT_MS,
    clusterRetryStrategy: reconnectDelayMs,
    redisOptions: commonOptions(options, tls),
  });
}

/**
 * A connection for subscriptions, which does not reconnect. In a cluster it can use any node, because messages reach all nodes.
 *
 * @param attempt from 0; each attempt uses another node
 */
export function createSubscriber(
  options: RedisConnectionOptions,
  tls: ConnectionOptions | undefined,
  attempt: number,
): Redis {
  return new Redis({ ...singleOptions(options, tls, attempt), retryStrategy: null, sentinelRetryStrategy: () => null });
}

function singleOptions(options: RedisConnectionOptions, tls: ConnectionOptions | undefined, attempt = 0): Options {
  const { topology } = options;
  const common = commonOptions(options, tls);
  if (topology.kind === 'standalone') return { ...common, ...toNode(topology.address), db: options.database };
  if (topology.kind === 'cluster') {
    const node = topology.nodes[attempt % topology.nodes.length];
    return { ...common, ...(node && toNode(node)) };
  }
  return {
    ...common,
    db: options.database,
    name: topology.masterName,
    sentinels: topology.sentinels.map(toNode),
    sentinelUsername: topology.username,
    sentinelPassword: topology.password,
    sentinelCommandTimeout: options.readTimeoutMs,
    // Detects a server that a sentinel still reports as master, and that no longer is.
    enableReadyCheck: true,
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  };
}

function commonOptions(options: RedisConnectionOptions, tls: ConnectionOptions | undefined): Options {
  const { identity } = options;
  return {
    username: options.username,
    password: options.password,
    connectionName: options.clientName,
    protocol: options.protocol,
    connectTimeout: options.connectTimeoutMs,
    socketTimeout: options.readTimeoutMs,
    disableClientInfo: identity === undefined,
    clientInfoTag: identity || undefined,
    // Callers have a fallback, which is faster than waiting for a connection or a retry.
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
