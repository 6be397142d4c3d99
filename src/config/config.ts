/** Everything the service can be told, already parsed: durations in milliseconds, sizes in bytes, defaults filled in. */
export interface Config {
  readonly log: LogConfig;
  readonly storage: StorageConfig;
  readonly http: HttpConfig;
  readonly health: HealthConfig;
  /** Largest page of `/v2/_catalog`. */
  readonly catalogMaxEntries: number;
  /** Largest page of `tags/list`. */
  readonly tagsMaxEntries: number;
  /** Undefined: a plain registry, nothing is pulled through. */
  readonly proxy: ProxyConfig | undefined;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
export type LogFormat = 'text' | 'json' | 'logstash';

export interface LogConfig {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Added to every line. */
  readonly fields: Readonly<Record<string, string | number | boolean>>;
  /** The line per request; on unless `log.accesslog.disabled`. */
  readonly accessLog: boolean;
}

export interface StorageConfig {
  readonly driver: StorageDriverConfig;
  /** `storage.maintenance.readonly.enabled` */
  readonly readOnly: boolean;
}

export type StorageDriverConfig =
  | { readonly kind: 'filesystem'; readonly rootDirectory: string }
  | { readonly kind: 'inmemory' };

export interface HttpConfig {
  readonly listen: Listen;
  /** Starts and ends with `/`. */
  readonly prefix: string;
  /** Scheme and host for absolute URLs. */
  readonly host: string | undefined;
  readonly relativeUrls: boolean;
  /** Added to every answer under `/v2/`. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** How long running answers may take after SIGTERM. Milliseconds. */
  readonly drainTimeoutMs: number;
  readonly tls: TlsConfig | undefined;
  readonly debug: DebugConfig | undefined;
}

export type Listen =
  | { readonly net: 'tcp'; readonly host: string | undefined; readonly port: number }
  | { readonly net: 'unix'; readonly path: string };

export interface TlsConfig {
  readonly certificate: string;
  readonly key: string;
  readonly clientCas: readonly string[];
  readonly clientAuth:
    | 'request-client-cert'
    | 'require-any-client-cert'
    | 'verify-client-cert-if-given'
    | 'require-and-verify-client-cert';
  readonly minimumVersion: 'TLSv1.2' | 'TLSv1.3';
}

export interface DebugConfig {
  readonly listen: Listen;
  /** Path of the metrics page; undefined when off. */
  readonly prometheusPath: string | undefined;
}

export interface HealthConfig {
  readonly storageDriver: { readonly enabled: boolean; readonly intervalMs: number; readonly threshold: number };
  /** Unhealthy while the file exists. */
  readonly files: readonly { readonly path: string; readonly intervalMs: number }[];
  readonly http: readonly HttpHealthCheck[];
  readonly tcp: readonly TcpHealthCheck[];
}

export interface HttpHealthCheck {
  readonly uri: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly statusCode: number;
  readonly timeoutMs: number;
  readonly intervalMs: number;
  /** Failures in a row before it counts. */
  readonly threshold: number;
}

export interface TcpHealthCheck {
  /** `host:port` */
  readonly address: string;
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly threshold: number;
}

export interface ProxyConfig {
  readonly upstreams: readonly UpstreamConfig[];
  /** Globs over names that are pushed here and never asked upstream. */
  readonly hosted: readonly string[];
  /** Never contact an upstream. */
  readonly offline: boolean;
  readonly fills: FillConfig;
}

export interface FillConfig {
  /** Blobs fetched at the same time, per process; more wait their turn. */
  readonly maxConcurrent: number;
  /** Bytes that spools, finished or not, may take together; beyond it blobs stream through without being kept. */
  readonly maxSpoolBytes: number;
  /** A spool that nobody continued for this long is removed. Milliseconds. */
  readonly keepSpoolMs: number;
}

export interface UpstreamConfig {
  /** The `ns` value and path prefix, such as `docker.io`. */
  readonly name: string;
  /** Without a trailing slash; may have a path. */
  readonly remoteUrl: string;
  /** Other `ns` values, prefixes and Host headers that mean this upstream. */
  readonly aliases: readonly string[];
  /** Tried in order before `remoteUrl`; without trailing slashes. */
  readonly mirrors: readonly string[];
  /** One-segment names mean `library/<name>`. */
  readonly library: boolean;
  /** Serves names without `ns`, prefix or Host match. */
  readonly isDefault: boolean;
  /** What goes before the upstream's name in our storage; empty for distribution's layout. No slashes at the ends. */
  readonly storePrefix: string;
  readonly credentials: readonly CredentialsConfig[];
  readonly tags: TagPolicyConfig;
  readonly timeouts: { readonly connectMs: number; readonly headersMs: number; readonly idleMs: number };
  /** Globs over the upstream's own names; empty: all. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly tls: {
    /** PEM file, in addition to the system's CAs. */
    readonly caFile: string | undefined;
    readonly insecure: boolean;
  };
  /** Beats `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`. */
  readonly httpProxy: string | undefined;
}

/** Tried in order; the first that has something for the host is used. */
export type CredentialsConfig =
  | { readonly kind: 'static'; readonly username: string; readonly password: string }
  /** The file holds the password, or `username:password` when `username` is absent; read again when it changes. */
  | { readonly kind: 'file'; readonly username: string | undefined; readonly path: string }
  /** A docker `config.json`, with its `auths`, `credHelpers` and `credsStore`. */
  | { readonly kind: 'dockerconfig'; readonly path: string }
  /** A docker credential helper. `lifetimeMs`: undefined: run once; 0: for every token. */
  | { readonly kind: 'exec'; readonly command: string; readonly lifetimeMs: number | undefined };

export interface TagPolicyConfig {
  /** How long a tag is served without asking again. Milliseconds. */
  readonly ttlMs: number;
  /** The first that matches beats `ttlMs`. */
  readonly rules: readonly { readonly match: RegExp; readonly ttlMs: number }[];
  /** `background`: a stale tag is served at once and asked for afterwards. */
  readonly revalidate: 'blocking' | 'background';
  /** The upstream says 404 of a tag we have. */
  readonly onNotFound: 'error' | 'stale';
  /** The upstream says 401 or 403 of a tag we have. */
  readonly onDenied: 'error' | 'stale';
}
