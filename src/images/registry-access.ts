import type { CredentialsConfig, UpstreamConfig } from '../config/config.ts';
import { connectRegistry, type RegistryClient } from '../upstream/registry-client.ts';
import { UpstreamError, type UpstreamEvents } from '../upstream/upstream.ts';

export interface RegistryAccess {
  /** Docker configurations, with their `auths`, `credsStore` and `credHelpers`; the first that knows the host counts. */
  readonly authFiles: readonly string[];
  /** PEM file, in addition to the system's CAs. */
  readonly caFile: string | undefined;
  /** Any certificate will do. */
  readonly insecure: boolean;
  readonly plainHttp: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** Somebody should know, but it may work all the same. */
  readonly onWarning: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Docker Hub's API is on another host than its name says. */
const API_HOSTS: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/;

/**
 * Connects to a registry by TLS. On this machine plain HTTP is tried when there is no TLS, as docker does.
 *
 * @throws {UpstreamError}
 */
export async function openRegistry(host: string, access: RegistryAccess): Promise<RegistryClient> {
  const secured = connect(host, access.plainHttp ? 'http' : 'https', access);
  if (access.plainHttp || !LOOPBACK.test(host)) return secured;
  try {
    await secured.reader.ping({ signal: access.signal });
    return secured;
  } catch (err) {
    await secured.close();
    if (!(err instanceof UpstreamError) || !speaksNoTls(err)) throw err;
    return connect(host, 'http', access);
  }
}

/** A registry with a wrong certificate is one that speaks TLS, and is not asked without. */
function speaksNoTls({ kind, options }: UpstreamError): boolean {
  const { cause } = options;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return (
    kind === 'network' && /^(?:EPROTO|ECONNRESET|UND_ERR_SOCKET|ERR_SSL_(?:WRONG_VERSION|PACKET_LENGTH)\w*)$/.test(code)
  );
}

function connect(host: string, scheme: 'http' | 'https', access: RegistryAccess): RegistryClient {
  const { env, version, onWarning } = access;
  return connectRegistry({ config: configOf(host, scheme, access), env, version, events: eventsTo(onWarning) });
}

function configOf(host: string, scheme: 'http' | 'https', access: RegistryAccess): UpstreamConfig {
  const credentials = access.authFiles.map((path): CredentialsConfig => ({ kind: 'dockerconfig', path }));
  return {
    name: host,
    remoteUrl: `${scheme}://${API_HOSTS[host] ?? host}`,
    aliases: [],
    mirrors: [],
    library: false,
    isDefault: false,
    storePrefix: '',
    credentials,
    tags: { ttlMs: 0, rules: [], revalidate: 'blocking', onNotFound: 'error', onDenied: 'error' },
    timeouts: { connectMs: 10_000, headersMs: 60_000, idleMs: 60_000 },
    allow: [],
    deny: [],
    tls: { caFile: access.caFile, insecure: access.insecure },
    httpProxy: undefined,
    passthrough: false,
  };
}

function eventsTo(onWarning: (text: string) => void): UpstreamEvents {
  const nothing = () => undefined;
  return {
    exchangeCompleted: nothing,
    bytesReceived: nothing,
    rateLimited: nothing,
    breakerChanged: nothing,
    retried: ({ upstream, operation, reason, delayMs }) =>
      onWarning(`${upstream}: ${operation} failed (${reason}), again in ${Math.round(delayMs)} ms`),
    credentialsFailed: ({ upstream, source, reason }) =>
      onWarning(`${upstream}: no credentials by ${source}: ${reason}`),
  };
}
