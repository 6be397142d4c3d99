import type { Digest } from '../../oci/digest.ts';

export interface CollectOptions {
  /** Manifests that no tag leads to are garbage. */
  readonly deleteUntagged: boolean;
  /** Referrers of a manifest that stays also stay. */
  readonly keepReferrers: boolean;
  /** Links younger than this stay: a push may be about to use them. Milliseconds. */
  readonly graceMs: number;
  /** Nothing is removed. */
  readonly dryRun: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: CollectionProgress) => void) | undefined;
}

export interface CollectionProgress {
  readonly phase: 'marking' | 'blobs' | 'checking' | 'removing';
  readonly done: number;
  readonly total: number;
}

/** The removed content, or with `dryRun` the content that would be removed. */
export interface CollectionResult {
  readonly manifests: readonly Garbage[];
  readonly links: readonly Garbage[];
  readonly blobs: readonly { readonly digest: Digest; readonly bytes: number }[];
  /** Of all {@link blobs}. */
  readonly bytes: number;
  /** Repositories that were not collected, and why. */
  readonly skipped: readonly { readonly repository: string; readonly reason: string }[];
  /** How many were garbage at the first scan and in use at removal. */
  readonly kept: number;
}

export interface Garbage {
  readonly repository: string;
  readonly digest: Digest;
}

/** A collection is running already, here or in another process. */
export class CollectionRunningError extends Error {
  override readonly name = 'CollectionRunningError';
}
