export interface HealthConfig {
  readonly storageDriver: { readonly enabled: boolean; readonly intervalMs: number; readonly threshold: number };
  /** Unhealthy while the file exists. */
  readonly files: readonly { readonly path: string; readonly intervalMs: number }[];
  readonly http: readonly HttpHealthCheck[];
  readonly tcp: readonly TcpHealthCheck[];
  readonly redis: InformationalHealthCheck;
  readonly upstreams: InformationalHealthCheck & {
    /** Asks them; otherwise what pulls have met is told. */
    readonly probe: boolean;
    readonly timeoutMs: number;
  };
}

/** What Layover does without as well. */
export interface InformationalHealthCheck {
  readonly enabled: boolean;
  /** Counts as if Layover did not. */
  readonly fatal: boolean;
  readonly intervalMs: number;
  /** Failures in a row before it counts. */
  readonly threshold: number;
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
