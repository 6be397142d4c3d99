import { readFileSync } from 'node:fs';
import type { LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import type { Dispatcher } from 'undici';

import type { UpstreamOptions } from './upstream-options.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

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

/** The part of undici's dispatcher that requests to upstreams need. */
export interface Connections {
  request(options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData>;
  /** Requests in progress fail, and so do later ones. */
  destroy(): Promise<void>;
}

/**
 * Connections of one upstream. The first request loads undici: 10 MB and 50 ms, which a start and a cache without misses do without.
 *
 * @param lookup resolves the names of hosts, except behind a proxy
 * @throws when `tls.caFile` cannot be read
 */
export function createDispatcher(config: UpstreamOptions, env: Environment, lookup: LookupFunction): Connections {
  const options = { tls: tlsOptions(config), proxy: proxyOptions(config, env), lookup };
  let loaded: Promise<Dispatcher> | undefined;
  let isDestroyed = false;
  return {
    async request(request) {
      if (isDestroyed) throw new Error('the connections are closed');
      return (await (loaded ??= loadDispatcher(options))).request(request);
    },
    async destroy() {
      isDestroyed = true;
      await (await loaded)?.destroy();
    },
  };
}

interface DispatcherOptions {
  readonly tls: ReturnType<typeof tlsOptions>;
  readonly proxy: ReturnType<typeof proxyOptions>;
  readonly lookup: LookupFunction;
}

async function loadDispatcher({ tls, proxy, lookup }: DispatcherOptions): Promise<Dispatcher> {
  const { Agent, EnvHttpProxyAgent, Pool } = await import('undici');
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
    clientFactory: (origin: string | URL, options: object) =>
      new Pool(origin, { ...options, headersTimeout: tls.timeout }),
    factory: (origin: string | URL, options: object) => new Pool(origin, { ...POOL, ...options }),
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
