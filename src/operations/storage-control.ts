/** Stored content by age: the same interface in the process and over the admin API. */
export interface StorageControl {
  ages(): Promise<StorageAges>;
}

/** Sizes in bytes, of a digest for each repository that has it. */
export interface StorageAges {
  /** RFC 3339. The numbers are those of a recent reading of the index. */
  readonly asOf: string;
  /** Limits of the classes, in days since the last use. The last class has everything older. */
  readonly days: readonly number[];
  /** The largest first; hosted content has no upstream. 100 at most. */
  readonly upstreams: readonly UpstreamAges[];
}

export interface UpstreamAges {
  /** Absent for hosted content, and of upstreams that are not configured any more. */
  readonly upstream?: string | undefined;
  readonly hosted: boolean;
  readonly bytes: number;
  readonly references: number;
  /** Of each class of {@link StorageAges.days}. */
  readonly bytesByAge: readonly number[];
}
