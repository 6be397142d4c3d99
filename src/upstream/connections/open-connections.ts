import type { LookupFunction } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Agent, type Dispatcher, EnvHttpProxyAgent, Pool } from 'undici';

import { BlobConnections } from './blob-connections.ts';

export interface TlsOptions extends Pick<ConnectionOptions, 'ca' | 'rejectUnauthorized'> {
  /** For connecting. Milliseconds. */
  readonly timeout: number;
}

export interface ProxyOptions {
  readonly httpProxy: string;
  readonly httpsProxy: string;
  readonly noProxy: string;
}

export interface OpenOptions {
  readonly tls: TlsOptions;
  readonly proxy: ProxyOptions | undefined;
  readonly lookup: LookupFunction;
}

export interface OpenedConnections {
  readonly dispatcher: Dispatcher;
  /** Without a proxy. */
  readonly blobs: BlobConnections;
}

const CONNECTIONS_PER_ORIGIN = 64;
/** Bytes. Signed redirect targets are a few KiB; the limit is for endless headers. */
const MAX_HEADER_SIZE = 32 * 1024;
/** Milliseconds that an idle connection is kept when the server does not state it. */
const KEEP_ALIVE_MS = 15_000;

const POOL = {
  connections: CONNECTIONS_PER_ORIGIN,
  pipelining: 1,
  allowH2: false,
  maxHeaderSize: MAX_HEADER_SIZE,
  keepAliveTimeout: KEEP_ALIVE_MS,
};

export function openConnections(options: OpenOptions): OpenedConnections {
  const { timeout: timeoutMs, ...tls } = options.tls;
  const blobs = new BlobConnections({
    maxConnections: CONNECTIONS_PER_ORIGIN,
    keepAliveMs: KEEP_ALIVE_MS,
    maxHeaderBytes: MAX_HEADER_SIZE,
    timeoutMs,
    lookup: options.lookup,
    tls,
  });
  return { dispatcher: openDispatcher(options), blobs };
}

function openDispatcher({ tls, proxy, lookup }: OpenOptions): Dispatcher {
  const direct = { ...tls, lookup };
  if (!proxy) return new Agent({ ...POOL, connect: direct });
  return new EnvHttpProxyAgent({
    ...POOL,
    ...proxy,
    connect: direct,
    requestTls: tls,
    proxyTls: { timeout: tls.timeout },
    // Many proxies refuse CONNECT to port 80, so plain HTTP goes through in absolute form (RFC 9112 section 3.2.2).
    proxyTunnel: false,
    // A proxy that does not respond to CONNECT is unreachable; the default of undici is five minutes.
    clientFactory: (origin: string | URL, connection: object) =>
      new Pool(origin, { ...connection, headersTimeout: tls.timeout }),
    factory: (origin: string | URL, connection: object) => new Pool(origin, { ...POOL, ...connection }),
  });
}
