import type { EvictOptions } from './cache-control.ts';

/** Operations on many names at once, with previews: the same interface in the process and over the admin API. */
export interface BulkControl {
  /**
   * Evicts many names, or shows what that would do. Names that cannot be evicted do not prevent the others.
   *
   * @throws {ControlError} `invalid`
   */
  evictAll(request: BulkEviction): Promise<BulkEvictResult>;
  /** Pins many patterns, or shows what they match. @throws {ControlError} `invalid`, and then nothing is pinned */
  pinAll(request: BulkPins): Promise<BulkPinResult>;
}

export interface BulkEviction extends EvictOptions {
  /** As for {@link CacheControl.evict}; 100 at most. */
  readonly names: readonly string[];
  /** Nothing is evicted. @default false */
  readonly dryRun?: boolean;
}

/** Sizes in bytes. */
export interface BulkEvictResult {
  readonly dryRun: boolean;
  readonly references: number;
  /** Freed, or with a dry run about to be. */
  readonly bytes: number;
  /** Of its content that stays, because other images use it. Only of a dry run. */
  readonly sharedBytes?: number | undefined;
  /** In the order of the request. */
  readonly names: readonly BulkEvictedName[];
}

export interface BulkEvictedName {
  readonly name: string;
  readonly references: number;
  readonly bytes: number;
  /** RFC 3339. Absent when nothing was found. */
  readonly lastUsedAt?: string | undefined;
  /** Why it stays, all of it or a part. */
  readonly held?: string | undefined;
}

export interface BulkPins {
  /** As for {@link CacheControl.pin}; 100 at most. */
  readonly patterns: readonly string[];
  /** Nothing is pinned. @default false */
  readonly dryRun?: boolean;
}

export interface BulkPinResult {
  readonly dryRun: boolean;
  /** In the order of the request. */
  readonly patterns: readonly BulkPinned[];
}

export interface BulkPinned {
  readonly pattern: string;
  /** A pin of an operator with this pattern existed before. */
  readonly wasPinned: boolean;
  /** Stored manifests that it matches, 1000 at most. */
  readonly manifests: number;
  /** Of these manifests with everything that they refer to, each digest once. */
  readonly bytes: number;
}
