import { lstat } from 'node:fs/promises';
import { connect } from 'node:net';

import type { HealthConfig, HttpHealthCheck, TcpHealthCheck } from '../config/config.ts';
import { redactUrl } from '../telemetry/redact-url.ts';
import type { HealthCheck } from './health-check.ts';
import {
  type CheckedList,
  type CheckedRedis,
  type CheckedUpstream,
  listCheck,
  redisCheck,
  upstreamCheck,
} from './health-dependencies.ts';

/** The part of a storage driver that its check needs. */
export interface CheckedStorage {
  /** Name in the configuration. */
  readonly name: string;
  stat(path: string): Promise<{ readonly isDirectory: boolean }>;
  /** Whether an error of {@link stat} means that the path does not exist. */
  isNotFound(error: unknown): boolean;
  /** Absent when the driver cannot know. */
  isWritable?(): Promise<boolean>;
}

/** The dependencies of the service. */
export interface Checked {
  readonly storage: CheckedStorage;
  /** Absent when Redis is not configured. */
  readonly redis: CheckedRedis | undefined;
  readonly upstreams: readonly CheckedUpstream[];
  /** Absent without any. */
  readonly lists?: readonly CheckedList[];
}

/** Creates the checks of a configuration. Storage is always checked: without it the service is not ready. */
export function createHealthChecks(
  config: HealthConfig,
  { storage, redis, upstreams, lists = [] }: Checked,
): HealthCheck[] {
  return [
    storageCheck(storage, config.storageDriver),
    ...config.files.map(fileCheck),
    ...config.http.map(httpCheck),
    ...config.tcp.map(tcpCheck),
    ...lists.map(listCheck),
    ...(redis && config.redis.enabled ? [redisCheck(redis, config.redis)] : []),
    ...(config.upstreams.enabled ? upstreams.map((upstream) => upstreamCheck(upstream, config.upstreams)) : []),
  ];
}

function storageCheck(storage: CheckedStorage, config: HealthConfig['storageDriver']): HealthCheck {
  const { enabled, intervalMs, threshold } = config;
  let writable: boolean | undefined;
  return {
    name: `storagedriver_${storage.name}`,
    consequence: enabled ? 'unhealthy' : 'unready',
    isAwaited: true,
    intervalMs,
    threshold,
    timeoutMs: intervalMs,
    async run() {
      const root = await storage.stat('/').catch((error: unknown) => {
        // Only the filesystem driver has a root before something is stored.
        if (storage.name === 'filesystem' || !storage.isNotFound(error)) throw error;
        return undefined;
      });
      if (root && !root.isDirectory) throw new Error('the storage directory is not a directory');
      writable = await storage.isWritable?.();
    },
    // Read-only storage is healthy: it still serves content.
    detail: () => (writable === undefined ? {} : { writable }),
  };
}

function fileCheck({ path, intervalMs }: HealthConfig['files'][number]): HealthCheck {
  return {
    name: path,
    consequence: 'unhealthy',
    intervalMs,
    threshold: 1,
    timeoutMs: intervalMs,
    async run() {
      const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      if (found !== undefined) throw new Error('file exists');
    },
  };
}

function httpCheck({ uri, headers, statusCode, timeoutMs, intervalMs, threshold }: HttpHealthCheck): HealthCheck {
  const target = splitCredentials(uri);
  return {
    name: redactUrl(uri),
    consequence: 'unhealthy',
    intervalMs,
    threshold,
    timeoutMs,
    async run(signal) {
      const { Agent, fetch } = await import('undici');
      // A new connection for each run: an idle one would not show whether new ones are accepted.
      const dispatcher = new Agent();
      try {
        const response = await fetch(target.url, {
          method: 'HEAD',
          headers: { ...target.headers, ...headers },
          signal,
          dispatcher,
        });
        if (response.status !== statusCode) throw new Error(`status ${response.status} instead of ${statusCode}`);
      } catch (error) {
        // The message is `fetch failed`; the cause has the reason.
        throw error instanceof Error && error.cause instanceof Error ? error.cause : error;
      } finally {
        await dispatcher.destroy();
      }
    },
  };
}

/** `fetch` refuses a URL with userinfo. */
function splitCredentials(uri: string): { url: URL; headers: Record<string, string> } {
  const url = new URL(uri);
  if (url.username === '' && url.password === '') return { url, headers: {} };
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  return { url, headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` } };
}

function tcpCheck({ address, timeoutMs, intervalMs, threshold }: TcpHealthCheck): HealthCheck {
  const { host, port } = splitAddress(address);
  return {
    name: address,
    consequence: 'unhealthy',
    intervalMs,
    threshold,
    timeoutMs,
    run: (signal) =>
      new Promise((resolve, reject) => {
        const socket = connect({ host, port, signal });
        socket.once('connect', () => {
          socket.destroy();
          resolve();
        });
        socket.once('error', reject);
      }),
  };
}

/** `host:port`, `[::1]:port` or `:port`. */
function splitAddress(address: string): { host: string; port: number } {
  const colonAt = address.lastIndexOf(':');
  const host = address.slice(0, colonAt).replace(/^\[(.*)\]$/, '$1');
  return { host: host === '' ? 'localhost' : host, port: Number(address.slice(colonAt + 1)) };
}
