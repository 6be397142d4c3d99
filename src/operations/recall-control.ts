import type { Digest } from '../oci/digest.ts';

/** Recalls of content that no client may get: the same interface in the process and over the admin API. */
export interface RecallControl {
  /** The denied content, by recalls, the configuration and its deny file. */
  denied(): Promise<DeniedView>;
  /**
   * Denies digests. When it resolves, no process of this server serves them, nor does a replica unless the result states it.
   *
   * @throws {ControlError} `invalid` · `unavailable` when the storage cannot be written
   */
  recall(request: RecallRequest): Promise<RecallResult>;
  /** Ends recalls. @throws {ControlError} `not-found` when one of them is not recalled; then none ends */
  lift(digests: readonly string[]): Promise<RecallResult>;
}

export interface RecallRequest {
  readonly digests: readonly string[];
  /** Sent to clients. */
  readonly reason?: string | undefined;
}

export interface DeniedView {
  readonly digests: readonly DeniedDigest[];
  /** Globs over stored names. */
  readonly names: readonly string[];
}

export interface RecallResult extends DeniedView {
  /** False: a replica did not confirm the change, and follows later. */
  readonly isEverywhere: boolean;
}

export interface DeniedDigest {
  readonly digest: Digest;
  readonly reason?: string | undefined;
  readonly origin: 'configuration' | 'file' | 'recall';
  /** Unix milliseconds. Only of recalls. */
  readonly recalledAt?: number | undefined;
}
