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
  /** In OpenSSL's words; undefined: its own choice. */
  readonly ciphers: string | undefined;
}

/** What clients may do at most. A count or a size of 0 is no limit. */
export interface LimitsConfig {
  /** For the whole header of a request, and for a handshake. */
  readonly headerMs: number;
  /** In the middle of a request or an answer, without a byte. */
  readonly stallMs: number;
  /** Between two requests. */
  readonly idleMs: number;
  readonly maxManifestBytes: number;
  readonly maxBlobBytes: number;
  /** At the same time. */
  readonly maxRequestsPerClient: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
}
