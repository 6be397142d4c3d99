import type { Digest } from '../../oci/digest.ts';

export interface CollectOptions {
  /** Manifests that no tag leads to are garbage. */
  readonly deleteUntagged: boolean;
  /** What is attached to a manifest that stays, stays. */
  readonly keepReferrers: boolean;
  /** Links younger than this stay: somebody may be about to use them. Milliseconds. */
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

/** What was removed, or with `dryRun` would be. */
export interface CollectionResult {
  readonly manifests: readonly Garbage[];
  readonly links: readonly Garbage[];
  readonly blobs: readonly { readonly digest: Digest; readonly bytes: number }[];
  /** Of all {@link blobs}. */
  readonly bytes: number;
  /** Repositories that were left alone, and why. */
  readonly skipped: readonly { readonly repository: string; readonly reason: string }[];
  /** Garbage at first, and then somebody used it. */
  readonly kept: number;
}

export interface Garbage {
  readonly repository: string;
  readonly digest: Digest;
}

/** It runs already, here or in another process. */
export class CollectionRunningError extends Error {
  override readonly name = 'CollectionRunningError';
}
