import type {
  Config,
  CredentialsConfig,
  HttpHealthCheck,
  NotificationsConfig,
  RedisConfig,
  StorageDriverConfig,
  UpstreamConfig,
} from './config.ts';

const REDACTED = '***';

/** A copy without passwords, tokens, and credentials and queries of URLs, for logs and JSON. */
export function redactedConfig(config: Config): Record<string, unknown> {
  const { admin, health, http, notifications, proxy, redis, storage, tracing } = config;
  const redacted = {
    ...config,
    storage: { ...storage, driver: redactDriver(storage.driver) },
    http: { ...http, secret: http.secret && REDACTED },
    health: { ...health, http: health.http.map(redactCheck) },
    admin: { ...admin, token: admin.token && REDACTED },
    notifications: notifications && redactNotifications(notifications),
    tracing: tracing && { ...tracing, headers: redactValues(tracing.headers) },
    redis: redis && redactRedis(redis),
    proxy: proxy && { ...proxy, upstreams: proxy.upstreams.map(redactUpstream) },
  };
  return redactTexts(redacted) as Record<string, unknown>;
}

const USER = /(?<=:\/\/)[^\s/?#]*@/g;
const QUERY = /(?<=:\/\/[^\s?#]*)[?#]\S*/g;

/** Text with its URLs, without their user, password, query and fragment: each may be a secret. */
export function redactUrls(text: string): string {
  const hidden = (user: string) => (user.includes(':') ? `${REDACTED}:${REDACTED}@` : `${REDACTED}@`);
  return text.replace(USER, hidden).replace(QUERY, (query) => `${query[0]}${REDACTED}`);
}

/** With each text in it redacted. */
function redactTexts(value: unknown): unknown {
  if (typeof value === 'string') return redactUrls(value);
  if (Array.isArray(value)) return value.map(redactTexts);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, redactTexts(each)]));
}

function redactDriver(driver: StorageDriverConfig): StorageDriverConfig {
  switch (driver.kind) {
    case 's3':
      if (driver.credentials === undefined) return driver;
      return { ...driver, credentials: { ...driver.credentials, secretAccessKey: REDACTED } };
    case 'gcs':
      if (driver.credentials.kind !== 'inline') return driver;
      return { ...driver, credentials: { kind: 'inline', fields: redactValues(driver.credentials.fields) } };
    case 'azure':
      return { ...driver, credentials: redactAzure(driver.credentials) };
    default:
      return driver;
  }
}

type AzureCredentials = Extract<StorageDriverConfig, { kind: 'azure' }>['credentials'];

function redactAzure(credentials: AzureCredentials): AzureCredentials {
  switch (credentials.kind) {
    case 'shared_key':
      return { ...credentials, key: REDACTED };
    case 'client_secret':
      return { ...credentials, secret: REDACTED };
    default:
      return credentials;
  }
}

function redactCheck(check: HttpHealthCheck): HttpHealthCheck {
  return { ...check, headers: redactValues(check.headers) };
}

/** The path of a webhook is often its credential. */
function redactNotifications({ endpoints, ...config }: NotificationsConfig): NotificationsConfig {
  const redacted = endpoints.map((endpoint) => ({
    ...endpoint,
    url: endpoint.url.replace(/(?<=:\/\/[^/?#]*\/)[^?#]+/, REDACTED),
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
  };
}

function redactCredentials(credentials: CredentialsConfig): CredentialsConfig {
  return credentials.kind === 'static' ? { ...credentials, password: REDACTED } : credentials;
}

function redactValues(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.keys(headers).map((key) => [key, REDACTED]));
}
