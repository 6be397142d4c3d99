import { lstat } from 'node:fs/promises';
import { connect } from 'node:net';

import { Agent, fetch } from 'undici';

import type { HealthConfig, HttpHealthCheck, TcpHealthCheck } from '../config/config.ts';
import { redactUrl } from '../telemetry/redact-url.ts';
import type { HealthCheck } from './health-check.ts';
import { type CheckedRedis, type CheckedUpstream, redisCheck, upstreamCheck } from './health-dependencies.ts';

/** As much of a storage driver as its check needs. */
export interface CheckedStorage {
  /** As written in the configuration. */
  readonly name: string;
  /** Rejects with a `PathNotFoundError` when there is no such path. */
  stat(path: string): Promise<{ readonly isDirectory: boolean }>;
  /** Absent when that cannot be known. */
  isWritable?(): Promise<boolean>;
}

/** What a service stands on. */
export interface Checked {
  readonly storage: CheckedStorage;
  /** Undefined without one. */
  readonly redis: CheckedRedis | undefined;
  readonly upstreams: readonly CheckedUpstream[];
}

/** All checks of a configuration. Who cannot reach its storage is never ready, configured or not. */
export function createHealthChecks(config: HealthConfig, { storage, redis, upstreams }: Checked): HealthCheck[] {
  return [
    storageCheck(storage, config.storageDriver),
    ...config.files.map(fileCheck),
    ...config.http.map(httpCheck),
    ...config.tcp.map(tcpCheck),
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
    intervalMs,
    threshold,
    timeoutMs: intervalMs,
    async run() {
      const root = await storage.stat('/').catch((error: unknown) => {
        // Nothing has been stored yet; but a directory was made at the start, and somebody has taken it away.
        const isEmpty = error instanceof Error && error.name === 'PathNotFoundError' && storage.name !== 'filesystem';
        if (!isEmpty) throw error;
        return undefined;
      });
      if (root && !root.isDirectory) throw new Error('the storage directory is no directory any more');
      writable = await storage.isWritable?.();
    },
    // Read-only storage is healthy: stored content is served.
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
      // A connection of its own each time: an idle one would say nothing about whether new ones are accepted.
      const dispatcher = new Agent();
      try {
        const response = await fetch(target.url, {
          method: 'HEAD',
          headers: { ...target.headers, ...headers },
          signal,
          dispatcher,
        });
        if (response.status !== statusCode) throw new Error(`answered ${response.status} instead of ${statusCode}`);
      } catch (error) {
        // `fetch failed` says nothing; its cause does.
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
