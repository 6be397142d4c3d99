import { readFileSync } from 'node:fs';
import type { LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import { Agent, type Dispatcher, EnvHttpProxyAgent, Pool } from 'undici';

import type { UpstreamOptions } from '../upstream-options.ts';
import { BlobConnections } from './blob-connections.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const CONNECTIONS_PER_ORIGIN = 64;
/** Bytes. Signed redirect targets are a few KiB; the limit is for endless headers. */
const MAX_HEADER_SIZE = 32 * 1024;
/** Milliseconds that an idle connection is kept when the server does not state it. */
const KEEP_ALIVE_MS = 15_000;

/** Connections of one upstream. */
export interface Connections {
  readonly dispatcher: Dispatcher;
  /** For `GET` requests of blobs, which may be large. Absent behind a proxy. */
  readonly blobs: BlobConnections | undefined;
  /** Requests in progress fail. */
  destroy(): Promise<void>;
}

/**
 * @param lookup resolves the names of hosts, except behind a proxy
 * @throws when `tls.caFile` cannot be read
 */
export function createConnections(config: UpstreamOptions, env: Environment, lookup: LookupFunction): Connections {
  const { timeout: timeoutMs, ...tls } = tlsOptions(config);
  const proxy = proxyOptions(config, env);
  const dispatcher = createDispatcher({ timeout: timeoutMs, ...tls }, proxy, lookup);
  const limits = {
    maxConnections: CONNECTIONS_PER_ORIGIN,
    keepAliveMs: KEEP_ALIVE_MS,
    maxHeaderBytes: MAX_HEADER_SIZE,
  };
  const blobs = proxy ? undefined : new BlobConnections({ ...limits, timeoutMs, lookup, tls });
  return {
    dispatcher,
    blobs,
    async destroy() {
      blobs?.close();
      await dispatcher.destroy();
    },
  };
}

function createDispatcher(
  tls: ReturnType<typeof tlsOptions>,
  proxy: ReturnType<typeof proxyOptions>,
  lookup: LookupFunction,
): Dispatcher {
  const pool = {
    connections: CONNECTIONS_PER_ORIGIN,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: MAX_HEADER_SIZE,
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  const direct = { ...tls, lookup };
  if (!proxy) return new Agent({ ...pool, connect: direct });
  return new EnvHttpProxyAgent({
    ...pool,
    ...proxy,
    connect: direct,
    requestTls: tls,
    proxyTls: { timeout: tls.timeout },
    // Many proxies refuse CONNECT to port 80, so plain HTTP goes through in absolute form (RFC 9112 section 3.2.2).
    proxyTunnel: false,
    // A proxy that does not respond to CONNECT is unreachable; the default of undici is five minutes.
    clientFactory: (origin: string | URL, options: object) =>
      new Pool(origin, { ...options, headersTimeout: tls.timeout }),
    factory: (origin: string | URL, options: object) => new Pool(origin, { ...pool, ...options }),
  });
}

function tlsOptions({ tls, timeouts }: UpstreamOptions) {
  return {
    timeout: timeouts.connectMs,
    ...(tls.caFile !== undefined && { ca: [...rootCertificates, readFileSync(tls.caFile, 'utf8')] }),
    ...(tls.insecure && { rejectUnauthorized: false }),
  };
}

/** Every field is set, as undici would read `process.env` for one that is not. */
function proxyOptions(config: UpstreamOptions, env: Environment) {
  const configured = config.httpProxy;
  if (configured !== undefined) return { httpProxy: configured, httpsProxy: configured, noProxy: '' };
  const httpProxy = env.http_proxy ?? env.HTTP_PROXY ?? '';
  const httpsProxy = env.https_proxy ?? env.HTTPS_PROXY ?? '';
  if (!httpProxy && !httpsProxy) return undefined;
  return { httpProxy, httpsProxy, noProxy: env.no_proxy ?? env.NO_PROXY ?? '' };
}
