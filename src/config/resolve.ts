import { toOpensslCiphers } from './cipher-suites.ts';
import type { Config, HealthConfig, HttpConfig, Listen, LogConfig } from './config.ts';
import type { LetsEncryptConfig, LimitsConfig, TlsConfig } from './http-config.ts';
import type { Environment } from './environment.ts';
import { resolveAuth } from './resolve-auth.ts';
import { resolveNotifications } from './resolve-notifications.ts';
import { resolveProxy } from './resolve-proxy.ts';
import { resolvePush } from './resolve-push.ts';
import { resolveDescriptorCache, resolveRedis } from './resolve-redis.ts';
import { resolveStorage } from './resolve-storage.ts';
import { resolveTracing } from './resolve-tracing.ts';
import type { RawConfig } from './schema/schema.ts';
import { parseHttpUrl, parseTcpAddress } from './units.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** As distribution, for health checks. */
const CHECK_INTERVAL = 10 * SECOND;
const CHECK_TIMEOUT = 10 * SECOND;
/** Distribution has 0, and then does not wait for running answers at all. */
const DRAIN_TIMEOUT = 30 * SECOND;
/** As distribution. */
const MAX_ENTRIES = 1000;
/** As distribution. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** Fills in every default. `raw` has passed all checks; `env` tells what OpenTelemetry's own variables say. */
export function resolveConfig(raw: RawConfig, env: Environment): Config {
  const storage = resolveStorage(raw.storage, raw.middleware);
  return {
    log: resolveLog(raw),
    storage,
    auth: resolveAuth(raw.auth, storage.driver),
    redis: resolveRedis(raw.redis),
    descriptors: resolveDescriptorCache(raw),
    http: resolveHttp(raw.http ?? {}),
    health: resolveHealth(raw.health ?? {}),
    notifications: resolveNotifications(raw.notifications ?? {}, storage),
    // A page that holds nothing makes no sense: distribution takes 0 and less for its default.
    catalogMaxEntries: positive(raw.catalog?.maxentries) ?? MAX_ENTRIES,
    tagsMaxEntries: positive(raw.tags?.maxtags) ?? MAX_ENTRIES,
    proxy: raw.proxy && resolveProxy(raw.proxy),
    push: resolvePush(raw),
    tracing: resolveTracing(raw.tracing, env),
    admin: resolveAdmin(raw.admin ?? {}),
  };
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

function resolveLog({ log = {}, loglevel }: RawConfig): LogConfig {
  return {
    level: log.level ?? loglevel ?? 'info',
    format: log.formatter ?? 'text',
    fields: log.fields ?? {},
    accessLog: log.accesslog?.disabled !== true,
  };
}

type RawHttp = NonNullable<RawConfig['http']>;

function resolveHttp(http: RawHttp): HttpConfig {
  return {
    listen: resolveListen(http),
    prefix: http.prefix ?? '/',
    host: http.host === undefined ? undefined : parseHttpUrl(http.host)?.origin,
    relativeUrls: http.relativeurls,
    trustedProxies: http.trustedproxies ?? [],
    secret: http.secret || undefined,
    headers: http.headers ?? {},
    drainTimeoutMs: http.draintimeout ?? DRAIN_TIMEOUT,
    drainDelayMs: http.draindelay ?? 0,
    tls: http.tls && resolveTls(http.tls),
    http2: { secure: http.http2?.disabled !== true, cleartext: http.h2c?.enabled === true },
    limits: resolveLimits(http.limits ?? {}),
    socketMode: http.socketmode === undefined ? undefined : Number.parseInt(http.socketmode, 8),
    debug: resolveDebug(http.debug ?? {}),
  };
}

function resolveListen({ addr = ':5000', net }: RawHttp): Listen {
  if (net === 'unix') return { net, path: addr };
  return parseTcpAddress(addr) ?? { net: 'tcp', host: undefined, port: 5000 };
}

function resolveTls(tls: NonNullable<RawHttp['tls']>): TlsConfig | undefined {
  const letsEncrypt = resolveLetsEncrypt(tls.letsencrypt ?? {});
  if (!letsEncrypt && (tls.certificate === undefined || tls.key === undefined)) return undefined;
  return {
    certificate: tls.certificate ?? '',
    key: tls.key ?? '',
    letsEncrypt,
    clientCas: tls.clientcas ?? [],
    clientAuth: tls.clientauth ?? 'require-and-verify-client-cert',
    minimumVersion: tls.minimumtls === 'tls1.3' ? 'TLSv1.3' : 'TLSv1.2',
    ciphers: toOpensslCiphers(tls.ciphersuites ?? []),
  };
}

function resolveLetsEncrypt(
  raw: NonNullable<NonNullable<RawHttp['tls']>['letsencrypt']>,
): LetsEncryptConfig | undefined {
  const { cachefile, email, hosts, directoryurl, directoryca } = raw;
  if (cachefile === undefined || hosts === undefined) return undefined;
  return { cacheDirectory: cachefile, email, hosts, directoryUrl: directoryurl, directoryCa: directoryca };
}

function resolveLimits(limits: NonNullable<RawHttp['limits']>): LimitsConfig {
  return {
    headerMs: limits.headertimeout ?? MINUTE,
    stallMs: limits.stalltimeout ?? 2 * MINUTE,
    // Above the 60 s after which usual load balancers drop an idle connection, so that they and not we close it.
    idleMs: limits.idletimeout ?? 75 * SECOND,
    maxManifestBytes: limits.maxmanifestsize ?? MAX_MANIFEST_BYTES,
    maxBlobBytes: limits.maxblobsize ?? 0,
    maxRequestsPerClient: limits.maxrequestsperclient ?? 1000,
    maxConnections: limits.maxconnections ?? 10_000,
    maxConnectionsPerClient: limits.maxconnectionsperclient ?? 2500,
  };
}

function resolveDebug({ addr, hosts = [], prometheus }: NonNullable<RawHttp['debug']>): HttpConfig['debug'] {
  if (addr === undefined) return undefined;
  return { listen: addr, hosts, prometheusPath: prometheus?.enabled ? (prometheus.path ?? '/metrics') : undefined };
}

function resolveAdmin({ addr, hosts = [], token, tokenfile }: NonNullable<RawConfig['admin']>): Config['admin'] {
  return { listen: addr, hosts, token, tokenFile: tokenfile };
}

interface RawCheck {
  readonly interval?: number | undefined;
  readonly timeout?: number | undefined;
  readonly threshold?: number | undefined;
}

interface RawInformational {
  readonly enabled?: boolean | undefined;
  readonly fatal?: boolean | undefined;
}

function resolveHealth({
  storagedriver,
  file = [],
  http = [],
  tcp = [],
  redis = {},
  upstreams = {},
}: NonNullable<RawConfig['health']>): HealthConfig {
  return {
    storageDriver: { enabled: storagedriver?.enabled ?? false, ...resolvePolling(storagedriver ?? {}) },
    files: file.map((check) => ({ path: check.file, intervalMs: resolvePolling(check).intervalMs })),
    http: http.map((check) => ({
      uri: check.uri,
      headers: joinValues(check.headers ?? {}),
      statusCode: positive(check.statuscode) ?? 200,
      ...resolveProbe(check),
    })),
    tcp: tcp.map((check) => ({ address: check.addr, ...resolveProbe(check) })),
    redis: { ...resolveInformational(redis), ...resolvePolling(redis) },
    upstreams: { ...resolveInformational(upstreams), probe: upstreams.probe ?? false, ...resolveProbe(upstreams) },
  };
}

function resolveInformational({ enabled = true, fatal = false }: RawInformational) {
  return { enabled, fatal };
}

function resolvePolling({ interval, threshold }: RawCheck) {
  return { intervalMs: positive(interval) ?? CHECK_INTERVAL, threshold: positive(threshold) ?? 1 };
}

function resolveProbe(check: RawCheck) {
  return { timeoutMs: positive(check.timeout) ?? CHECK_TIMEOUT, ...resolvePolling(check) };
}

/** RFC 9110, section 5.3: values of one header may be sent as one, separated by commas. */
function joinValues(headers: Readonly<Record<string, readonly string[]>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([key, values]) => [key, values.join(', ')]));
}
