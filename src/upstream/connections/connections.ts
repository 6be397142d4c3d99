import { readFileSync } from 'node:fs';
import type { LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import type { Dispatcher } from 'undici';

import type { UpstreamOptions } from '../upstream-options.ts';
import type { BlobConnections } from './blob-connections.ts';
import type { OpenedConnections, ProxyOptions, TlsOptions } from './open-connections.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Connections of one upstream. */
export interface Connections {
  /** By undici. */
  request(options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData>;
  /** For `GET` requests of blobs, which may be large. Absent behind a proxy. */
  readonly blobs: Pick<BlobConnections, 'request'> | undefined;
  /** Requests in progress fail, and so do later ones. */
  destroy(): Promise<void>;
}

/**
 * The first request loads undici: 10 MB and 50 ms, which a start and a cache without misses do without. When it cannot be loaded, as without
 * a free file descriptor, all requests fail until the process is started again: Node.js keeps the failure.
 *
 * @param lookup resolves the names of hosts, except behind a proxy
 * @throws when `tls.caFile` cannot be read
 */
export function createConnections(config: UpstreamOptions, env: Environment, lookup: LookupFunction): Connections {
  const options = { tls: tlsOptions(config), proxy: proxyOptions(config, env), lookup };
  let opened: Promise<OpenedConnections> | undefined;
  let isDestroyed = false;
  const open = async () => {
    if (isDestroyed) throw new Error('the connections are closed');
    opened ??= import('./open-connections.ts').then(({ openConnections }) => openConnections(options));
    return opened;
  };
  return {
    request: async (request) => (await open()).dispatcher.request(request),
    blobs: options.proxy ? undefined : { request: async (request) => (await open()).blobs.request(request) },
    async destroy() {
      isDestroyed = true;
      const connections = await opened?.catch(() => undefined); // there is nothing to destroy
      connections?.blobs.close();
      await connections?.dispatcher.destroy();
    },
  };
}

function tlsOptions({ tls, timeouts }: UpstreamOptions): TlsOptions {
  return {
    timeout: timeouts.connectMs,
    ...(tls.caFile !== undefined && { ca: [...rootCertificates, readFileSync(tls.caFile, 'utf8')] }),
    ...(tls.insecure && { rejectUnauthorized: false }),
  };
}

/** Every field is set, as undici would read `process.env` for one that is not. */
function proxyOptions(config: UpstreamOptions, env: Environment): ProxyOptions | undefined {
  const configured = config.httpProxy;
  if (configured !== undefined) return { httpProxy: configured, httpsProxy: configured, noProxy: '' };
  const httpProxy = env.http_proxy ?? env.HTTP_PROXY ?? '';
  const httpsProxy = env.https_proxy ?? env.HTTPS_PROXY ?? '';
  if (!httpProxy && !httpsProxy) return undefined;
  return { httpProxy, httpsProxy, noProxy: env.no_proxy ?? env.NO_PROXY ?? '' };
}
