import { connectEndpoints } from '../upstream/endpoints.ts';
import { RegistryUpstream } from '../upstream/registry-upstream.ts';
import type { UpstreamEvents } from '../upstream/upstream.ts';
import type { CredentialsOptions, UpstreamTimeouts, UpstreamTls } from '../upstream/upstream-options.ts';
import { RemoteRegistry, type RemoteRegistryOptions } from './remote-registry.ts';

export interface ConnectOptions {
  /** Tried in order; the first that has something for the host is used. @default anonymous */
  readonly credentials?: readonly CredentialsOptions[];
  /** @default the CAs of Node.js */
  readonly tls?: Partial<UpstreamTls>;
  /** Without TLS. @default false */
  readonly plainHttp?: boolean;
  /** Milliseconds. @default 10 000 to connect, 60 000 to the headers, 60 000 between two parts of a body */
  readonly timeouts?: Partial<UpstreamTimeouts>;
  /** URL of a proxy; takes precedence over `env`. */
  readonly httpProxy?: string;
  /** For `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, and passed to credential helpers, which need `PATH`. @default empty */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Of the program, for `User-Agent: layover/<version>`. */
  readonly version?: string;
  /** Retries, failing credentials, every exchange. */
  readonly events?: Partial<UpstreamEvents>;
}

/** Docker Hub's API has another host than its name. */
const API_HOSTS: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };
const TIMEOUTS: UpstreamTimeouts = { connectMs: 10_000, headersMs: 60_000, idleMs: 60_000 };

/**
 * A client of one registry. No request is sent before the first call; close it at the end.
 *
 * Credentials go to the registry and to token servers of the registry's domain only. Requests that read are retried.
 *
 * @param host with the port if there is one, such as `ghcr.io` or `localhost:5000`; `docker.io` is Docker Hub
 * @throws when `tls.caFile` cannot be read
 */
export function connect(host: string, options: ConnectOptions = {}): RemoteRegistry {
  return new RemoteRegistry(openUpstream(host, options));
}

/** The requests to a registry, below {@link RemoteRegistry}. @throws when `tls.caFile` cannot be read */
export function openUpstream(host: string, options: ConnectOptions): RemoteRegistryOptions {
  const { credentials = [], tls, plainHttp = false, timeouts, httpProxy, env = {}, version } = options;
  const events = { ...NO_EVENTS, ...options.events };
  const endpoints = connectEndpoints({
    config: {
      name: host,
      remoteUrl: `${plainHttp ? 'http' : 'https'}://${API_HOSTS[host] ?? host}`,
      mirrors: [],
      credentials,
      timeouts: { ...TIMEOUTS, ...timeouts },
      tls: { caFile: tls?.caFile, insecure: tls?.insecure ?? false },
      httpProxy,
    },
    env,
    events,
    ...(version !== undefined && { version }),
  });
  return {
    upstream: new RegistryUpstream({ now: Date.now, name: host, events, ...endpoints }),
    endpoint: endpoints.remote,
  };
}

const ignore = () => undefined;
const NO_EVENTS: UpstreamEvents = {
  callEnded: ignore,
  exchangeCompleted: ignore,
  bytesReceived: ignore,
  rateLimited: ignore,
  retried: ignore,
  breakerChanged: ignore,
  credentialsFailed: ignore,
  loginChanged: ignore,
  pulledFromMirror: ignore,
};
