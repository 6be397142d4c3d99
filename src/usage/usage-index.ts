import type { Digest } from '../oci/digest.ts';
import type { TextTable, TextTableName } from './text-table.ts';

export type ContentKind = 'manifest' | 'blob';

/** Content in a repository: a manifest revision, or the link of a blob. */
export interface ContentReference {
  /** The stored name. */
  readonly repository: string;
  readonly digest: Digest;
  readonly kind: ContentKind;
}

export interface UsageRecord extends ContentReference {
  /** Bytes. */
  readonly size: number;
  /** Unix milliseconds. */
  readonly lastUsedAt: number;
  /**
   * Position in the eviction queue: the last use, or a later time at which it was due and could not be removed. Unix milliseconds.
   */
  readonly rank: number;
}

export interface Use extends ContentReference {
  /** Bytes. Absent when the recorded size stays. */
  readonly size?: number | undefined;
  /** Unix milliseconds. */
  readonly at: number;
  /** A reference that is not in the index is not recorded. */
  readonly onlyKnown?: boolean;
}

/** Sums over everything recorded. */
export interface UsageTotals {
  /** Each digest counts once, however many repositories have it. */
  readonly bytes: number;
  readonly digests: number;
  readonly references: number;
  /** Repositories with at least one reference. */
  readonly repositories: number;
}

export interface Holder {
  readonly repository: string;
  readonly kind: ContentKind;
}

/** Part of the {@link Holder holders} of a digest. */
export interface HoldersPage {
  /** The last holder of the previous page. */
  readonly after?: Holder | undefined;
  readonly limit: number;
}

export interface Pin {
  /** A glob over names, optionally with a colon and a glob over tags. */
  readonly pattern: string;
  /** Unix milliseconds. */
  readonly pinnedAt: number;
  /** Id of the bundle that brought the content. Absent for a pin of an operator. */
  readonly bundle?: string;
}

export interface OldestQuery {
  /** Absent for both. */
  readonly kind?: ContentKind;
  /** Only references with a rank before this. Unix milliseconds. */
  readonly before: number;
  /** Only references behind this one in the queue of their kind: the last one of the previous page. */
  readonly after?: UsageRecord | undefined;
  readonly limit: number;
}

export interface PageQuery {
  /** The last reference of the previous page. */
  readonly after?: ContentReference;
  readonly limit: number;
}

/** `used`: the most recently used first; `size`: the largest first. */
export type RepositoriesOrder = 'name' | 'used' | 'size';

export interface RepositoriesQuery {
  readonly order: RepositoriesOrder;
  /** The last repository of the previous page, as it was then. */
  readonly after?: RepositorySums | undefined;
  /** In the order of names, where the first page begins. */
  readonly from?: string | undefined;
  readonly limit: number;
}

/** The last use of a repository is recorded as often, and so at most as much too early. Milliseconds. */
export const LAST_USE_STEP_MS = 60_000;

/** Sums over the references of a repository. */
export interface RepositorySums {
  readonly repository: string;
  readonly manifests: number;
  /** Of all references. */
  readonly bytes: number;
  /** Unix milliseconds, within {@link LAST_USE_STEP_MS}. */
  readonly lastUsedAt: number;
}

/** The exclusive right to remove a digest, among all processes that share the index. */
export interface RemovalClaim {
  /** Call right before each deletion. @throws {ClaimLostError} when other processes may link the digest by now */
  assertHeld(): void;
  release(): Promise<void>;
}

export class ClaimLostError extends Error {
  override readonly name = 'ClaimLostError';
}

export interface Counters {
  /** Unix milliseconds. Absent before the first one. */
  readonly since: number | undefined;
  readonly sums: Readonly<Record<string, number>>;
}

export type Marker = 'complete' | 'imported' | 'scrub-cursor' | 'scrubbed-at';

/**
 * The use records of content, sorted by last use. It outlives the process: a change is durable after `kill -9` once its method has resolved.
 *
 * It may have more references than storage, because a link is recorded before it is made, and never fewer once it is `complete` (as long as
 * nothing but Layover writes to the storage). Removal of bytes checks the storage in any case.
 *
 * Every method of an index on another machine can fail with an `IndexUnavailableError`.
 * Methods take and return batches, so that such an index costs few round trips.
 */
export interface UsageIndex {
  /** Whether other processes use the index too. */
  readonly isShared: boolean;

  /** Adds references, or moves recorded ones to the end of the queue. */
  record(uses: readonly Use[]): Promise<void>;

  /**
   * Records a link that is about to be made. Waits while another process has {@link claim claimed} the digest. Afterwards no process can claim
   * it, until the returned function is called or a minute has passed.
   */
  beginLink(use: Use & { readonly size: number }): Promise<() => Promise<void>>;

  /** @returns undefined while another process removes or links the digest */
  claim(digest: Digest): Promise<RemovalClaim | undefined>;

  find(reference: ContentReference): Promise<UsageRecord | undefined>;

  /** In the order of the references. */
  findAll(references: readonly ContentReference[]): Promise<(UsageRecord | undefined)[]>;

  /** In the order of the queue. */
  oldest(query: OldestQuery): Promise<UsageRecord[]>;

  /** Moves references that were due and could not be removed to `rank`, without recording a use. */
  defer(references: readonly ContentReference[], rank: number): Promise<void>;

  /** Removes a reference, unless it was used since the record was read. @returns whether it was removed */
  removeUnused(record: UsageRecord): Promise<boolean>;

  /** Removes references. A digest without any is then among the {@link unreferencedDigests}. */
  remove(references: readonly ContentReference[]): Promise<void>;

  /** Sorted by repository and kind. @param page absent for all of them, which may be as many as there are repositories */
  holders(digest: Digest, page?: HoldersPage): Promise<Holder[]>;

  /** Digests whose bytes may be stored although no repository links them. */
  unreferencedDigests(query: { readonly after?: Digest; readonly limit: number }): Promise<Digest[]>;

  /** Records stored bytes that no repository links. */
  recordUnreferenced(bytes: { readonly digest: Digest; readonly size: number }): Promise<void>;

  /** Records that the bytes of a digest were removed from storage. References to it stay. */
  bytesRemoved(digest: Digest): Promise<void>;

  /** What a manifest refers to. Undefined when that is not recorded. */
  partsOf(manifest: Digest): Promise<readonly Digest[] | undefined>;

  /** In the order of the manifests. */
  partsOfAll(manifests: readonly Digest[]): Promise<(readonly Digest[] | undefined)[]>;

  /** The manifests that refer to a digest, in all repositories. */
  parentsOf(part: Digest): AsyncIterable<Digest>;

  putParts(manifest: Digest, parts: readonly Digest[]): Promise<void>;

  /** Sorted by repository, digest and kind. */
  page(query: PageQuery): Promise<UsageRecord[]>;

  /** References of one repository. */
  ofRepository(repository: string): AsyncIterable<UsageRecord>;

  /** Repositories with at least one reference. */
  repositories(query: RepositoriesQuery): Promise<RepositorySums[]>;

  /** Undefined for a repository without references. */
  sumsOf(repository: string): Promise<RepositorySums | undefined>;

  totals(): Promise<UsageTotals>;

  /**
   * Reserves space for the running fills of this process. Called repeatedly while they run.
   *
   * @returns bytes reserved by all processes, each digest once, without digests that are stored already
   */
  reserve(fills: ReadonlyMap<Digest, number>): Promise<number>;
  /** Ends the reservation of a fill. */
  unreserve(digest: Digest, size: number): Promise<void>;

  /** False when single entries can get lost, as in a Redis that evicts keys when its memory is full. */
  isLossless(): Promise<boolean>;

  /** Computes the totals again. */
  recount(): Promise<void>;

  pins(): Promise<Pin[]>;
  pin(pin: Pin): Promise<void>;
  /** @returns false when there was no such pin */
  unpin(pin: Pick<Pin, 'pattern' | 'bundle'>): Promise<boolean>;

  marker(name: Marker): Promise<string | undefined>;
  setMarker(name: Marker, value: string | undefined): Promise<void>;

  /** Neither counted nor rebuilt. */
  texts(table: TextTableName): TextTable;

  /** Sums over the life of the index, of all processes that share it. */
  counters(): Promise<Counters>;
  /** @param amounts integers. @param at when the first one was counted, if this is the first call. Unix milliseconds */
  count(amounts: Readonly<Record<string, number>>, at: number): Promise<void>;

  /** May be called again. */
  close(): Promise<void>;
}

/** A string key for maps. */
export function referenceKey({ repository, digest, kind }: ContentReference): string {
  return `${repository}@${digest}#${kind}`;
}
