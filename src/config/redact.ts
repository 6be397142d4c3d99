import type {
  AuthConfig,
  Config,
  CredentialsConfig,
  HttpHealthCheck,
  NotificationsConfig,
  RedisConfig,
  StorageDriverConfig,
  UpstreamConfig,
} from './config.ts';

const REDACTED = '***';

/** A copy without passwords, tokens and credentials in URLs, for logs and JSON. */
export function redactedConfig(config: Config): Record<string, unknown> {
  const { admin, auth, health, http, notifications, proxy, redis, storage, tracing } = config;
  return {
    ...config,
    storage: { ...storage, driver: redactDriver(storage.driver) },
    auth: auth && redactAuth(auth),
    http: { ...http, secret: http.secret && REDACTED },
    health: { ...health, http: health.http.map(redactCheck) },
    admin: { ...admin, token: admin.token && REDACTED },
    notifications: notifications && redactNotifications(notifications),
    tracing: tracing && { ...tracing, url: redactUrl(tracing.url), headers: redactValues(tracing.headers) },
    redis: redis && redactRedis(redis),
    proxy: proxy && { ...proxy, upstreams: proxy.upstreams.map(redactUpstream) },
  };
}

/** The query of the URL may be a secret. */
function redactAuth({ token, ...auth }: AuthConfig): AuthConfig {
  return { ...auth, token: token && { ...token, jwksUrl: token.jwksUrl?.replace(/\?.*$/, `?${REDACTED}`) } };
}

function redactDriver(driver: StorageDriverConfig): StorageDriverConfig {
  switch (driver.kind) {
    case 's3':
      if (driver.credentials === undefined) return driver;
      return { ...driver, credentials: { ...driver.credentials, secretAccessKey: REDACTED } };
    case 'gcs':
      if (driver.credentials.kind !== 'inline') return driver;
      return { ...driver, credentials: { kind: 'inline', fields: redactValues(driver.credentials.fields) } };
    default:
      return driver;
  }
}

function redactCheck(check: HttpHealthCheck): HttpHealthCheck {
  return { ...check, uri: redactUrl(check.uri), headers: redactValues(check.headers) };
}

function redactNotifications({ endpoints, ...config }: NotificationsConfig): NotificationsConfig {
  const redacted = endpoints.map((endpoint) => ({
    ...endpoint,
    url: redactUrl(endpoint.url),
    headers: redactValues(endpoint.headers),
  }));
  return { ...config, endpoints: redacted };
}

function redactRedis(redis: RedisConfig): RedisConfig {
  const hidden = (password: string | undefined) => password && REDACTED;
  const { topology } = redis;
  return {
    ...redis,
    password: hidden(redis.password),
    topology: topology.kind === 'sentinel' ? { ...topology, password: hidden(topology.password) } : topology,
  };
}

function redactUpstream(upstream: UpstreamConfig) {
  return {
    ...upstream,
    credentials: upstream.credentials.map(redactCredentials),
    tags: { ...upstream.tags, rules: upstream.tags.rules.map((rule) => ({ ...rule, match: rule.match.source })) },
    httpProxy: upstream.httpProxy && redactUrl(upstream.httpProxy),
  };
}

function redactCredentials(credentials: CredentialsConfig): CredentialsConfig {
  return credentials.kind === 'static' ? { ...credentials, password: REDACTED } : credentials;
}

function redactValues(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.keys(headers).map((key) => [key, REDACTED]));
}

function redactUrl(text: string): string {
  const url = new URL(text);
  if (url.username) url.username = REDACTED;
  if (url.password) url.password = REDACTED;
  return url.href;
}
