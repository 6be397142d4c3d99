import type { Pattern } from '../matching/pattern.ts';
import type { AuthConfig } from './auth-config.ts';
import type { HealthConfig } from './health-config.ts';
import type { NotificationsConfig } from './notifications-config.ts';
import type { LimitsConfig, TlsConfig } from './http-config.ts';
import type { PushConfig } from './push-config.ts';
import type { TracingConfig } from './tracing-config.ts';

export type * from './auth-config.ts';
export type * from './health-config.ts';
export type * from './notifications-config.ts';
export type * from './tracing-config.ts';
export type * from './http-config.ts';

/** Everything the service can be told, already parsed: durations in milliseconds, sizes in bytes, defaults filled in. */
export interface Config {
  readonly log: LogConfig;
  readonly storage: StorageConfig;
  /** Undefined: everybody may do everything. */
  readonly auth: AuthConfig | undefined;
  /** Undefined: everything is kept in this process and its storage. */
  readonly redis: RedisConfig | undefined;
  readonly descriptors: DescriptorCacheConfig;
  readonly http: HttpConfig;
  readonly health: HealthConfig;
  /** Undefined: nobody wants to be told anything. */
  readonly notifications: NotificationsConfig | undefined;
  /** Largest page of `/v2/_catalog`. */
  readonly catalogMaxEntries: number;
  /** Largest page of `tags/list`. */
  readonly tagsMaxEntries: number;
  /** Undefined: a plain registry, nothing is pulled through. */
  readonly proxy: ProxyConfig | undefined;
  readonly admin: AdminConfig;
  readonly push: PushConfig;
  /** Undefined: none are made. */
  readonly tracing: TracingConfig | undefined;
}

/** The admin API; it is always on a socket beside the storage, for who may read that directory. */
export interface AdminConfig {
  /** An address of its own. */
  readonly listen: Listen | undefined;
  /** By which it is reached, beside those of the address. Without ports. */
  readonly hosts: readonly string[];
  /** With a token and no address of its own, it is on the registry's. */
  readonly token: string | undefined;
  /** Holds the token; read again when it changes. */
  readonly tokenFile: string | undefined;
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
  /** Clients are sent to the storage for blobs; only where it has URLs. */
  readonly redirect: boolean;
  /** Copies of hot blobs on a local disk; undefined: none are kept. */
  readonly tier: TierConfig | undefined;
  /** In order; each works on what the one before it made. */
  readonly middleware: readonly StorageMiddlewareConfig[];
  /** Undefined: the store grows without limit. */
  readonly quota: QuotaConfig | undefined;
  /** Globs over names, with one over tags behind a colon; neither expire nor are evicted. */
  readonly pins: readonly string[];
  readonly scrub: ScrubConfig;
  readonly garbageCollection: GarbageCollectionConfig;
  /** Undefined: uploads that nobody finished stay. */
  readonly uploadPurging: UploadPurgingConfig | undefined;
  /** Whether processes that share a Redis have one index of use in it. */
  readonly indexLocation: 'redis' | 'local';
  /** Where a local index of use lies; undefined: in the storage directory, or for other drivers in memory. */
  readonly indexDirectory: string | undefined;
}

export interface QuotaConfig {
  /** Bytes. */
  readonly size: number;
  /** Share of the size down to which is evicted. */
  readonly low: number;
  /** Share of the size above which is evicted. */
  readonly high: number;
}

export interface UploadPurgingConfig {
  /** Uploads that were started so long ago are removed. Milliseconds. */
  readonly ageMs: number;
  /** From the end of one look to the start of the next. Milliseconds. */
  readonly intervalMs: number;
  /** They are only counted. */
  readonly dryRun: boolean;
}

export interface GarbageCollectionConfig {
  /** From the end of one to the start of the next. Milliseconds; 0: only when asked for. */
  readonly intervalMs: number;
  /** Links younger than this stay. Milliseconds. */
  readonly graceMs: number;
  /** Manifests that no tag leads to are garbage. */
  readonly deleteUntagged: boolean;
  /** What is attached to a manifest that stays, stays. */
  readonly keepReferrers: boolean;
}

export interface ScrubConfig {
  readonly enabled: boolean;
  /** From the end of one to the start of the next. Milliseconds. */
  readonly intervalMs: number;
  /** Bytes per second. */
  readonly rate: number;
}

export type StorageDriverConfig =
  | { readonly kind: 'filesystem'; readonly rootDirectory: string }
  | { readonly kind: 'inmemory' }
  | S3Config;

export interface S3Config {
  readonly kind: 's3';
  readonly bucket: string;
  /** Undefined: where the SDK looks, such as `AWS_REGION`. */
  readonly region: string | undefined;
  /** A URL; undefined: Amazon's. */
  readonly endpoint: string | undefined;
  /** The URL that clients are redirected to, when they do not reach {@link endpoint}. */
  readonly redirectEndpoint: string | undefined;
  readonly forcePathStyle: boolean;
  /** Undefined: the SDK's default chain (environment, profiles, web identity, container and instance roles). */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** Server-side; with `keyId` by KMS. */
  readonly encryption: { readonly keyId: string | undefined } | undefined;
  readonly tls: {
    readonly insecure: boolean;
    /** PEM file, in addition to the system's CAs. */
    readonly caFile: string | undefined;
  };
  /** Bytes of a part of an upload. */
  readonly chunkBytes: number;
  readonly copy: {
    /** Bytes of a part. */
    readonly chunkBytes: number;
    readonly maxConcurrent: number;
    /** Larger objects are copied in parts. Bytes. */
    readonly thresholdBytes: number;
  };
  readonly rootDirectory: string;
  /** Undefined: the header is not sent. */
  readonly storageClass: string | undefined;
  /** Added to what the SDK calls itself. */
  readonly userAgent: string | undefined;
  readonly dualStack: boolean;
  readonly accelerate: boolean;
  readonly fips: boolean;
  /** Canned; undefined: the header is not sent, and objects are private. */
  readonly acl: string | undefined;
  /** A line per request, at level debug. */
  readonly logRequests: boolean;
  /** `when_required`: none that stores of before 2025 do not know. */
  readonly checksums: 'when_required' | 'when_supported';
  /** Multipart uploads that began this long ago are taken for abandoned. Milliseconds. */
  readonly abandonedAfterMs: number;
}

export interface TierConfig {
  /** Bytes that all copies may take. */
  readonly maxBytes: number;
  readonly directory: string;
}

export type StorageMiddlewareConfig =
  | { readonly kind: 'redirect'; readonly baseUrl: string }
  | {
      readonly kind: 'rewrite';
      readonly scheme: string | undefined;
      readonly host: string | undefined;
      readonly trimPathPrefix: string | undefined;
    }
  | {
      readonly kind: 'cloudfront';
      /** Ends with a slash. */
      readonly baseUrl: string;
      /** PEM file. */
      readonly privateKeyFile: string;
      readonly keyPairId: string;
      /** How long a URL is good. Milliseconds. */
      readonly durationMs: number;
      /** Clients that are not sent to CloudFront; undefined: all are. */
      readonly awsRanges: AwsRangesConfig | undefined;
    };

/** Addresses of AWS, as it publishes them. */
export interface AwsRangesConfig {
  readonly url: string;
  /** In lower case; undefined: all of them. */
  readonly regions: readonly string[] | undefined;
  /** How often they are read. Milliseconds. */
  readonly intervalMs: number;
}

/** Which blobs there are, and their sizes, without asking the storage. */
export interface DescriptorCacheConfig {
  /** In Redis as well as in memory. */
  readonly shared: boolean;
  /** Kept in memory. */
  readonly maxEntries: number;
}

export interface RedisConfig {
  readonly topology: RedisTopology;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Not on a cluster, which has only one. */
  readonly database: number;
  readonly clientName: string | undefined;
  /** Added to the library's name that the server is told; undefined: it is told none. */
  readonly identity: string | undefined;
  /** Of RESP. */
  readonly protocol: 2 | 3;
  readonly tls: RedisTlsConfig | undefined;
  readonly connectTimeoutMs: number;
  /** Longest wait for an answer when no client waits. */
  readonly readTimeoutMs: number;
  /** Longest wait for an answer when a client waits. Milliseconds. */
  readonly deadlineMs: number;
  /** How often a command follows the slots of a cluster to another node. */
  readonly maxRedirects: number;
}

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

export type RedisTopology =
  | { readonly kind: 'standalone'; readonly address: RedisAddress }
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly RedisAddress[];
      readonly masterName: string;
      /** At the sentinels. */
      readonly username: string | undefined;
      readonly password: string | undefined;
    }
  | { readonly kind: 'cluster'; readonly nodes: readonly RedisAddress[] };

/** PEM files. */
export interface RedisTlsConfig {
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
  /** Trusted instead of the public CAs; empty: those. */
  readonly caFiles: readonly string[];
}

export interface HttpConfig {
  readonly listen: Listen;
  /** Starts and ends with `/`. */
  readonly prefix: string;
  /** Scheme and host for absolute URLs. */
  readonly host: string | undefined;
  /** Undefined: URLs are relative unless scheme and host are known. */
  readonly relativeUrls: boolean | undefined;
  /** Addresses and networks whose `Forwarded` and `X-Forwarded-*` headers count; `unix`: whoever is on a unix socket. */
  readonly trustedProxies: readonly string[];
  /** Signs upload sessions; undefined: every process makes up its own. */
  readonly secret: string | undefined;
  /** Added to every answer under `/v2/`. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** How long running answers may take after SIGTERM. Milliseconds. */
  readonly drainTimeoutMs: number;
  /** From SIGTERM until new connections are refused; not ready meanwhile. Milliseconds. */
  readonly drainDelayMs: number;
  readonly tls: TlsConfig | undefined;
  readonly http2: {
    /** With TLS. */
    readonly secure: boolean;
    /** Without, by prior knowledge. */
    readonly cleartext: boolean;
  };
  readonly limits: LimitsConfig;
  /** Permissions of a unix socket; undefined: as the umask has it. */
  readonly socketMode: number | undefined;
  readonly debug: DebugConfig | undefined;
}

export type Listen =
  | { readonly net: 'tcp'; readonly host: string | undefined; readonly port: number }
  | { readonly net: 'unix'; readonly path: string };

export interface DebugConfig {
  readonly listen: Listen;
  /** By which it is reached, beside those of the address. Without ports. */
  readonly hosts: readonly string[];
  /** Path of the metrics page; undefined when off. */
  readonly prometheusPath: string | undefined;
}

export interface ProxyConfig {
  readonly upstreams: readonly UpstreamConfig[];
  /** Globs over names that are pushed here and never asked upstream. */
  readonly hosted: readonly string[];
  /** Never contact an upstream. */
  readonly offline: boolean;
  /** Content is forgotten after so long without use. Milliseconds; 0: never. */
  readonly ttlMs: number;
  readonly fills: FillConfig;
}

export interface FillConfig {
  /** Blobs fetched at the same time, per process; more wait their turn. */
  readonly maxConcurrent: number;
  /** Of these from one upstream. */
  readonly maxPerUpstream: number;
  /** An upstream that sends less counts as stalled. Bytes per second. */
  readonly minRate: number;
  /** Bytes that spools, finished or not, may take together; beyond it blobs stream through without being kept. */
  readonly maxSpoolBytes: number;
  /** A spool that nobody continued for this long is removed. Milliseconds. */
  readonly keepSpoolMs: number;
  /** Where spools lie when the storage has no place for them; of one process alone. Undefined: below the system's temporary directory. */
  readonly directory: string | undefined;
  /** URL at which other replicas reach this one. Undefined: fills are not shared. */
  readonly advertise: string | undefined;
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
  /** Serves requests with any `ns`: it is the only one, given without a list that says which ones are meant. */
  readonly anyNamespace?: boolean | undefined;
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
  /** Writes to its names are sent on to it; otherwise they are refused. */
  readonly passthrough: boolean;
}

/** Tried in order; the first that has something for the host is used. */
export type CredentialsConfig = CredentialsPlace & {
  /** Token servers outside of the upstream's domain, with or without a port, that may have them. @default none */
  readonly realms?: readonly string[];
};

type CredentialsPlace =
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
  readonly rules: readonly { readonly match: Pattern; readonly ttlMs: number }[];
  /** `background`: a stale tag is served at once and asked for afterwards. */
  readonly revalidate: 'blocking' | 'background';
  /** The upstream says 404 of a tag we have. */
  readonly onNotFound: 'error' | 'stale';
  /** The upstream says 401 or 403 of a tag we have. */
  readonly onDenied: 'error' | 'stale';
}
