import type { CollectionProgress, CollectionResult } from '../content/garbage/collection-result.ts';
import type { Digest } from '../oci/digest.ts';
import type { RebuildProgress, RebuildResult } from '../usage/rebuild.ts';
import type { ContentKind, UsageTotals } from '../usage/usage-index.ts';

/** What operators can see of the cache and do to it: by the same words in the process and from afar. */
export interface CacheControl {
  list(query: ListQuery): Promise<ListPage>;
  /** @param name as in a list: `repository:tag` or `repository@digest` */
  show(name: string): Promise<ContentDetails>;
  pins(): Promise<readonly PinView[]>;
  /** @param pattern a glob over names, with one over tags behind a colon */
  pin(pattern: string): Promise<void>;
  unpin(pattern: string): Promise<void>;
  /** @param name as for {@link show}, or a glob as for {@link pin} */
  evict(name: string): Promise<EvictResult>;
  /** Asks the upstream now what a tag names, and fetches a new manifest. */
  refresh(name: string): Promise<RefreshResult>;
  stats(): Promise<CacheStats>;
  startScrub(): Promise<ScrubStatus>;
  scrubStatus(): Promise<ScrubStatus>;
  startRebuild(): Promise<RebuildStatus>;
  rebuildStatus(): Promise<RebuildStatus>;
  startCollection(request: CollectionRequest): Promise<CollectionStatus>;
  collectionStatus(): Promise<CollectionStatus>;
}

export interface ListQuery {
  /** A glob as for pins; without `*` a part of the name. */
  readonly filter?: string | undefined;
  /** Default: name. */
  readonly sort?: ListOrder | undefined;
  /** Default: manifest. */
  readonly kind?: ContentKind | undefined;
  readonly limit?: number | undefined;
  /** What the page before gave. */
  readonly cursor?: string | undefined;
}

/** `used`: the least recently used first, as they would go; `size`: the largest first. */
export const LIST_ORDERS = ['name', 'used', 'size'] as const;
export type ListOrder = (typeof LIST_ORDERS)[number];

export interface ListPage {
  readonly entries: readonly ContentEntry[];
  /** Undefined: this was the last page. */
  readonly cursor?: string | undefined;
}

/** Times in Unix milliseconds, sizes in bytes. */
export interface ContentEntry {
  readonly repository: string;
  readonly tags: readonly string[];
  readonly digest: Digest;
  readonly kind: ContentKind;
  /** With everything that it is made of and that is stored. */
  readonly size: number;
  readonly lastUsedAt: number;
  /** Undefined: never. */
  readonly expiresAt?: number | undefined;
  readonly pinned: boolean;
  /** Pushed here: neither expires nor is evicted. */
  readonly hosted: boolean;
}

export interface ContentDetails extends ContentEntry {
  readonly parts: readonly PartView[];
}

export interface PartView {
  readonly digest: Digest;
  readonly kind: ContentKind | undefined;
  /** Bytes; undefined: not stored. */
  readonly size?: number | undefined;
  readonly lastUsedAt?: number | undefined;
  /** Other repositories that have it too. */
  readonly sharedWith: readonly string[];
}

export interface PinView {
  readonly pattern: string;
  readonly from: 'configuration' | 'command';
  readonly pinnedAt?: number | undefined;
}

export interface EvictResult {
  readonly references: number;
  /** Freed. */
  readonly bytes: number;
}

export interface RefreshResult {
  readonly digest: string;
  /** The tag named something else before, or was not known. */
  readonly changed: boolean;
}

export interface CacheStats extends UsageTotals {
  /** Milliseconds; 0: content never expires. */
  readonly ttlMs: number;
  readonly quota?: { readonly size: number; readonly low: number; readonly high: number } | undefined;
  /** The index knows everything that is stored. */
  readonly complete: boolean;
  readonly repositories: number;
  readonly oldestUseAt?: number | undefined;
  readonly pins: number;
  readonly scrub: ScrubStatus;
}

export interface ScrubStatus {
  readonly running: boolean;
  readonly startedAt?: number | undefined;
  /** When the last one came to its end. */
  readonly finishedAt?: number | undefined;
  readonly blobs: number;
  readonly bytes: number;
  /** Put aside, as their bytes were wrong. */
  readonly damaged: readonly Digest[];
  /** Left where they are, as they cannot be read. */
  readonly unreadable: readonly Digest[];
  /** Share of the store that has been read, from 0 to 1. */
  readonly progress: number;
  readonly error?: string | undefined;
}

export interface RebuildStatus {
  readonly running: boolean;
  readonly progress?: RebuildProgress | undefined;
  readonly result?: RebuildResult | undefined;
  readonly error?: string | undefined;
}

/** What is left out is as the configuration has it. */
export interface CollectionRequest {
  readonly dryRun?: boolean;
  readonly deleteUntagged?: boolean;
  /** Milliseconds. */
  readonly graceMs?: number;
}

export interface CollectionStatus {
  readonly running: boolean;
  readonly progress?: CollectionProgress | undefined;
  readonly result?: CollectionResult | undefined;
  readonly error?: string | undefined;
}
