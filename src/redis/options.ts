/** Host and port of a server. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** One server, a master found through Sentinel, or a cluster. */
export type RedisTopology =
  | { readonly kind: 'standalone'; readonly address: RedisAddress }
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly RedisAddress[];
      readonly masterName: string;
      /** Credentials at the sentinels. Absent: none. */
      readonly username: string | undefined;
      readonly password: string | undefined;
    }
  | { readonly kind: 'cluster'; readonly nodes: readonly RedisAddress[] };

/** PEM files for TLS. */
export interface RedisTlsOptions {
  /** Client certificate. Absent: none is sent. */
  readonly certificateFile: string | undefined;
  /** Key of the client certificate. */
  readonly keyFile: string | undefined;
  /** CAs that are trusted instead of the public ones; empty: the public ones. */
  readonly caFiles: readonly string[];
}

/** How to connect to Redis. */
export interface RedisConnectionOptions {
  readonly topology: RedisTopology;
  /** Absent: without credentials. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Number of the database. A cluster has only number 0. */
  readonly database: number;
  /** Name of the connection at the server (`CLIENT SETNAME`). Absent: none. */
  readonly clientName: string | undefined;
  /** Suffix of the library's name at the server (`CLIENT SETINFO`). Absent: the command is not sent. */
  readonly identity: string | undefined;
  /** Version of RESP. */
  readonly protocol: 2 | 3;
  /** Absent: without TLS. */
  readonly tls: RedisTlsOptions | undefined;
  /** Milliseconds. */
  readonly connectTimeoutMs: number;
  /** Timeout of a command in the background. Milliseconds. */
  readonly readTimeoutMs: number;
  /** Timeout of a command for which a client of the registry waits. Milliseconds. */
  readonly deadlineMs: number;
  /** Limit for redirects of a command to other nodes of a cluster. */
  readonly maxRedirects: number;
}
