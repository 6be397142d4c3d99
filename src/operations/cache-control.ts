import type { CollectionProgress, CollectionResult } from '../content/garbage/collection-result.ts';
import type { CheckedImage, MissingPart } from '../content/image-check.ts';
import type { Digest } from '../oci/digest.ts';
import type { RebuildProgress, RebuildResult } from '../usage/rebuild.ts';
import type { ContentKind, UsageTotals } from '../usage/usage-index.ts';

/** Operations on the cache for operators: the same interface in the process and over the admin API. */
export interface CacheControl {
  list(query: ListQuery): Promise<ListPage>;
  /** @param name `repository:tag` or `repository@digest`, as in a list */
  show(name: string): Promise<ContentDetails>;
  pins(): Promise<readonly PinView[]>;
  /** @param pattern a glob over names, optionally with a colon and a glob over tags */
  pin(pattern: string): Promise<void>;
  unpin(pattern: string): Promise<void>;
  /** @param name as for {@link show}, or a glob as for {@link pin} */
  evict(name: string, options?: EvictOptions): Promise<EvictResult>;
  /** Revalidates a tag at its upstream, and fetches its image. */
  refresh(name: string): Promise<RefreshResult>;
  /** Whether clients can pull an image without its upstream. */
  check(image: ImageCheckRequest): Promise<ImageCheckResult>;
  stats(): Promise<CacheStats>;
  startScrub(): Promise<ScrubStatus>;
  scrubStatus(): Promise<ScrubStatus>;
  startRebuild(): Promise<RebuildStatus>;
  rebuildStatus(): Promise<RebuildStatus>;
  startCollection(request: CollectionRequest): Promise<CollectionStatus>;
  collectionStatus(): Promise<CollectionStatus>;
}

export interface ListQuery {
  /** A glob as for pins, or without `*` a part of the name. */
  readonly filter?: string | undefined;
  /** @default 'name' */
  readonly sort?: ListOrder | undefined;
  /** @default 'manifest' */
  readonly kind?: ContentKind | undefined;
  readonly limit?: number | undefined;
  /** Cursor from the previous page. */
  readonly cursor?: string | undefined;
}

/** `used`: the least recently used first, in order of eviction; `size`: the largest first. */
export const LIST_ORDERS = ['name', 'used', 'size'] as const;
export type ListOrder = (typeof LIST_ORDERS)[number];

export interface ListPage {
  readonly entries: readonly ContentEntry[];
  /** Absent on the last page. */
  readonly cursor?: string | undefined;
}

/** Times in Unix milliseconds, sizes in bytes. */
export interface ContentEntry {
  readonly repository: string;
  readonly tags: readonly string[];
  readonly digest: Digest;
  readonly kind: ContentKind;
  /** Including all stored content that it refers to. */
  readonly size: number;
  readonly lastUsedAt: number;
  /** Absent when it never expires. */
  readonly expiresAt?: number | undefined;
  readonly pinned: boolean;
  /** Pushed content, which neither expires nor is evicted. */
  readonly hosted: boolean;
}

export interface ContentDetails extends ContentEntry {
  readonly parts: readonly PartView[];
}

export interface PartView {
  readonly digest: Digest;
  readonly kind: ContentKind | undefined;
  /** Bytes. Absent when it is not stored. */
  readonly size?: number | undefined;
  readonly lastUsedAt?: number | undefined;
  /** Other repositories that have it. */
  readonly sharedWith: readonly string[];
}

export interface PinView {
  readonly pattern: string;
  readonly from: 'configuration' | 'command' | 'bundle';
  readonly pinnedAt?: number | undefined;
  /** Id of the bundle that pinned it. */
  readonly bundle?: string | undefined;
}

export interface EvictOptions {
  /** Removes content as well that no upstream has. @default false */
  readonly force?: boolean;
}

export interface EvictResult {
  readonly references: number;
  /** Freed bytes. */
  readonly bytes: number;
}

export interface RefreshResult {
  readonly digest: string;
  /** The tag pointed to another digest before, or was not cached. */
  readonly changed: boolean;
  /** Content that was not stored before; bytes are those of the blobs. */
  readonly fetched: { readonly manifests: number; readonly blobs: number; readonly bytes: number };
}

/** An image by the name that clients have for it. */
export interface ImageCheckRequest extends Omit<CheckedImage, 'repository'> {
  /** Of its registry: `docker.io`. */
  readonly host: string;
  /** There: `library/alpine`. */
  readonly repository: string;
}

export interface ImageCheckResult {
  /** Name of the repository in storage. Absent when none belongs to the name. */
  readonly stored?: string;
  /** Empty when all of it can be pulled. */
  readonly missing: readonly MissingPart[];
}

export interface CacheStats extends UsageTotals {
  /** Milliseconds; 0 when content never expires. */
  readonly ttlMs: number;
  readonly quota?: { readonly size: number; readonly low: number; readonly high: number } | undefined;
  /** Whether the index has all stored content. */
  readonly complete: boolean;
  readonly repositories: number;
  readonly oldestUseAt?: number | undefined;
  readonly pins: number;
  readonly scrub: ScrubStatus;
}

export interface ScrubStatus {
  readonly running: boolean;
  readonly startedAt?: number | undefined;
  /** End of the last completed scrub. */
  readonly finishedAt?: number | undefined;
  readonly blobs: number;
  readonly bytes: number;
  /** Moved to quarantine because their bytes are wrong. */
  readonly damaged: readonly Digest[];
  /** Skipped because they cannot be read. */
  readonly unreadable: readonly Digest[];
  /** Share of the storage that has been read, from 0 to 1. */
  readonly progress: number;
  readonly error?: string | undefined;
}

export interface RebuildStatus {
  readonly running: boolean;
  readonly progress?: RebuildProgress | undefined;
  readonly result?: RebuildResult | undefined;
  readonly error?: string | undefined;
}

/** Absent values are those of the configuration. */
export interface CollectionRequest {
  readonly dryRun?: boolean;
  readonly deleteUntagged?: boolean;
  /** Milliseconds. */
  readonly graceMs?: number;
}

export const COLLECTED_KINDS = ['manifests', 'links', 'blobs'] as const;

/** A page of a result, over the admin API. */
export interface CollectedPage {
  readonly collected: readonly { readonly repository?: string; readonly digest: Digest; readonly bytes?: number }[];
  /** Of all pages. */
  readonly total: number;
  /** Absent on the last page. */
  readonly cursor?: string | undefined;
}

/** The status over the admin API, which has the first 500 entries of each list of the result. */
export interface PagedCollectionStatus extends CollectionStatus {
  /** Of the whole lists. Absent without a result. */
  readonly counts?: Readonly<Record<(typeof COLLECTED_KINDS)[number] | 'skipped', number>> | undefined;
}

export interface CollectionStatus {
  readonly running: boolean;
  readonly progress?: CollectionProgress | undefined;
  readonly result?: CollectionResult | undefined;
  readonly error?: string | undefined;
}
