export interface TlsConfig {
  /** PEM files; empty when {@link letsEncrypt} gets the certificate. */
  readonly certificate: string;
  readonly key: string;
  readonly letsEncrypt: LetsEncryptConfig | undefined;
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

/** A certificate by ACME. */
export interface LetsEncryptConfig {
  /** Where the account's key and the certificate are kept. */
  readonly cacheDirectory: string;
  readonly email: string | undefined;
  /** All of them are in the certificate; at least one. */
  readonly hosts: readonly string[];
  /** Undefined: Let's Encrypt's. */
  readonly directoryUrl: string | undefined;
  /** PEM file, when the directory is that of an authority that the system does not know. */
  readonly directoryCa: string | undefined;
}
