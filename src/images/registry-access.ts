import { connect } from '../client/connect.ts';
import type { RemoteRegistry } from '../client/remote-registry.ts';
import { RegistryError } from '../oci/errors.ts';
import { UpstreamError, type UpstreamEvents } from '../upstream/upstream.ts';

/** How registries are reached. */
export interface RegistryAccess {
  /** Docker configurations, with their `auths`, `credsStore` and `credHelpers`; the first that knows the host is used. */
  readonly authFiles: readonly string[];
  /** PEM file, in addition to the public CAs of Node.js. */
  readonly caFile: string | undefined;
  /** Skip certificate verification. */
  readonly insecure: boolean;
  readonly plainHttp: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** Reports a problem that does not end the work. */
  readonly onWarning: (text: string) => void;
  readonly signal: AbortSignal;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/;

/**
 * Connects to a registry by TLS. On this machine plain HTTP is tried when there is no TLS, as docker does.
 *
 * @throws {RegistryError} `UNAVAILABLE`
 */
export async function openRegistry(host: string, access: RegistryAccess): Promise<RemoteRegistry> {
  const secured = connectTo(host, access);
  if (access.plainHttp || !LOOPBACK.test(host)) return secured;
  try {
    await secured.ping({ signal: access.signal });
    return secured;
  } catch (err) {
    await secured.close();
    if (!(err instanceof RegistryError && hasNoTls(err.cause))) throw err;
    return connectTo(host, { ...access, plainHttp: true });
  }
}

/** A registry with an untrusted certificate has TLS, and gets no requests without it. */
function hasNoTls(err: unknown): boolean {
  if (!(err instanceof UpstreamError) || err.kind !== 'network') return false;
  const { cause } = err.options;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return /^(?:EPROTO|ECONNRESET|UND_ERR_SOCKET|ERR_SSL_(?:WRONG_VERSION|PACKET_LENGTH)\w*)$/.test(code);
}

function connectTo(host: string, access: RegistryAccess): RemoteRegistry {
  const { authFiles, caFile, insecure, plainHttp, env, version, onWarning } = access;
  const credentials = authFiles.map((path) => ({ kind: 'dockerconfig', path }) as const);
  return connect(host, {
    credentials,
    tls: { caFile, insecure },
    plainHttp,
    env,
    version,
    events: warnings(onWarning),
  });
}

function warnings(onWarning: (text: string) => void): Pick<UpstreamEvents, 'retried' | 'credentialsFailed'> {
  return {
    retried: ({ upstream, operation, reason, delayMs }) =>
      onWarning(`${upstream}: ${operation} failed (${reason}), retrying in ${Math.round(delayMs)} ms`),
    credentialsFailed: ({ upstream, source, reason }) =>
      onWarning(`${upstream}: cannot read credentials from ${source}: ${reason}`),
  };
}
