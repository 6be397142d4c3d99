import type { Immutable } from './immutable.ts';
import type { resolveConfig } from './resolve.ts';

export type { AuthConfig, HtpasswdConfig, IssuerConfig, MtlsConfig, TokenConfig } from './schema/auth.ts';
export type { PolicyAction, PolicyRuleConfig, RepositoryAction } from './schema/auth-policy.ts';
export type { CredentialsConfig } from './schema/credentials.ts';
export type { HealthConfig, HttpHealthCheck, TcpHealthCheck } from './schema/health.ts';
export type { HttpConfig, LetsEncryptConfig, TlsConfig } from './schema/http.ts';
export type { LogConfig, LogFormat, LogLevel } from './schema/log.ts';
export type {
  NotificationEndpointConfig,
  NotificationQueueConfig,
  NotificationsConfig,
} from './schema/notifications.ts';
export type { ProxyConfig, SyncRuleConfig, UpstreamConfig } from './schema/proxy.ts';
export type { FileContent } from './schema/value-info.ts';
export type { RedisAddress, RedisConfig } from './schema/redis.ts';
export type { S3Config } from './schema/s3.ts';
export type { OidcConfig, UiConfig } from './schema/ui.ts';
export type { Listen } from './units.ts';

/**
 * The typed configuration: durations in milliseconds, sizes in bytes, defaults filled in.
 *
 * Inferred from the schema. An absent section turns its feature off.
 */
export type Config = Immutable<ReturnType<typeof resolveConfig>>;
export type StorageDriverConfig = Config['storage']['driver'];
export type AdmissionConfig = NonNullable<Config['admission']>;
export type AuditConfig = NonNullable<Config['audit']>;
export type TracingConfig = NonNullable<Config['tracing']>;
