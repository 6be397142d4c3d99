const MIB = 1024 * 1024;

/** A pool of a Ceph cluster, and how to access it. */
export interface RadosOptions {
  readonly pool: string;
  /** Without `client.`. @default 'admin' */
  readonly user?: string | undefined;
  /** Ceph's configuration. @default `$CEPH_CONF`, `/etc/ceph/ceph.conf`, `~/.ceph/config` or `ceph.conf` */
  readonly configFile?: string | undefined;
  /** File with the key of the user. @default as in the configuration */
  readonly keyring?: string | undefined;
  /** Namespace in the pool. @default '' */
  readonly namespace?: string | undefined;
  /** Size of the objects that a file is written to. Bytes. Reads use the size that a file has. @default 4 MiB */
  readonly chunkBytes?: number | undefined;
  /** After this time, a call that the cluster does not respond to fails. Milliseconds. @default 30 s */
  readonly timeoutMs?: number | undefined;
  /** The same for the connection to the cluster. @default 10 s */
  readonly connectTimeoutMs?: number | undefined;
}

export interface RadosSettings extends RadosOptions {
  readonly user: string;
  readonly namespace: string;
  readonly chunkBytes: number;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
}

export function withDefaults(options: RadosOptions): RadosSettings {
  return {
    ...options,
    user: options.user ?? 'admin',
    namespace: options.namespace ?? '',
    chunkBytes: options.chunkBytes ?? 4 * MIB,
    timeoutMs: options.timeoutMs ?? 30_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
  };
}
