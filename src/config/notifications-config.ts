export interface NotificationsConfig {
  /** At least one, each with a name of its own. */
  readonly endpoints: readonly NotificationEndpointConfig[];
  /** Manifests come with what they refer to. */
  readonly includeReferences: boolean;
  /** What the cache does by itself is told as well. */
  readonly cacheEvents: boolean;
  readonly queue: NotificationQueueConfig;
}

export interface NotificationEndpointConfig {
  readonly name: string;
  /** May contain credentials. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of one post. */
  readonly timeoutMs: number;
  /** Failures in a row before waiting between tries. */
  readonly threshold: number;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  readonly ignoredMediaTypes: readonly string[];
  readonly ignoredActions: readonly string[];
  /** PEM file, in addition to the system's CAs. */
  readonly caFile: string | undefined;
}

/** Of each endpoint. */
export interface NotificationQueueConfig {
  /** Undefined: in memory. */
  readonly directory: string | undefined;
  readonly maxEvents: number;
  readonly maxBytes: number;
  /** 0: no limit. Milliseconds. */
  readonly maxAgeMs: number;
  /** 0: no limit. */
  readonly maxAttempts: number;
  readonly maxDeadLetterBytes: number;
}
