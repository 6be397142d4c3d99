import type { Digest } from '../oci/digest.ts';

export type ContentKind = 'manifest' | 'blob';

/** Content in a repository: a manifest revision, or the link of a blob. */
export interface ContentReference {
  /** The name in our storage. */
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
   * Place in the queue of what goes first: the last use, or the later time at which it was due and something held it. Unix
   * milliseconds.
   */
  readonly rank: number;
}

export interface Use extends ContentReference {
  /** Bytes; undefined: as it is recorded. */
  readonly size?: number | undefined;
  /** Unix milliseconds. */
  readonly at: number;
  /** Nothing is recorded of a reference that is not known. */
  readonly onlyKnown?: boolean;
}

/** Sums over everything recorded. */
export interface UsageTotals {
  /** Each digest counts once, however many repositories have it. */
  readonly bytes: number;
  readonly digests: number;
  readonly references: number;
}

export interface Holder {
  readonly repository: string;
  readonly kind: ContentKind;
}

export interface Pin {
  /** A glob over names, and after a colon one over tags. */
  readonly pattern: string;
  /** Unix milliseconds. */
  readonly pinnedAt: number;
}

export interface OldestQuery {
  /** Both when undefined. */
  readonly kind?: ContentKind;
  /** Only what ranks before. Unix milliseconds. */
  readonly before: number;
  readonly limit: number;
}

export interface PageQuery {
  /** The last reference of the page before. */
  readonly after?: ContentReference;
  readonly limit: number;
}

/** The right to remove a digest, among all processes that share the index. */
export interface RemovalClaim {
  /** To be called right before anything is deleted. @throws {ClaimLostError} when others may link the digest by now */
  assertHeld(): void;
  release(): Promise<void>;
}

export class ClaimLostError extends Error {
  override readonly name = 'ClaimLostError';
}

export type Marker = 'complete' | 'imported' | 'scrub-cursor' | 'scrubbed-at';

/**
 * What is known of the use of content, ordered by it. It outlives the process: what a method has resolved for is there after
 * `kill -9`.
 *
 * It may know more references than there are in storage, since a link is recorded before it is made, and never fewer once it is
 * `complete` (as long as nobody else writes to the storage). Whoever removes bytes asks storage all the same.
 *
 * Every method of an index on another machine can fail with an `IndexUnavailableError`.
 *
 * Methods take and give batches, so that an index on another machine costs few round trips.
 */
export interface UsageIndex {
  /** Other processes have it too. */
  readonly isShared: boolean;

  /** Adds references, or moves known ones to the end of the queue. */
  record(uses: readonly Use[]): Promise<void>;

  /**
   * Records a link that is about to be made. Until the function that it resolves to has been called, or for a minute, nobody
   * {@link claim claims} the digest; it waits while somebody does.
   */
  beginLink(use: Use & { readonly size: number }): Promise<() => Promise<void>>;

  /** @returns undefined while another process removes or links the digest */
  claim(digest: Digest): Promise<RemovalClaim | undefined>;

  find(reference: ContentReference): Promise<UsageRecord | undefined>;

  /** In the order of the references. */
  findAll(references: readonly ContentReference[]): Promise<(UsageRecord | undefined)[]>;

  /** In the order in which they go, for a driver that several processes share: each is given to one of them. */
  oldest(query: OldestQuery): Promise<UsageRecord[]>;

  /** Moves references to `rank` without a use: something held them when they were due. */
  defer(references: readonly ContentReference[], rank: number): Promise<void>;

  /** Forgets a reference, unless it was used since the record was read. @returns whether it is forgotten */
  removeUnused(record: UsageRecord): Promise<boolean>;

  /** Forgets references. A digest that nobody has any more becomes {@link unreferencedDigests loose}. */
  remove(references: readonly ContentReference[]): Promise<void>;

  holders(digest: Digest): Promise<Holder[]>;

  /** Digests whose bytes may be stored though no repository has them. */
  unreferencedDigests(query: { readonly after?: Digest; readonly limit: number }): Promise<Digest[]>;

  /** Bytes are stored that nobody refers to. */
  recordUnreferenced(bytes: { readonly digest: Digest; readonly size: number }): Promise<void>;

  /** The bytes of a digest are gone from storage; references to it stay. */
  bytesRemoved(digest: Digest): Promise<void>;

  /** What a manifest is made of; undefined when that was never told. */
  partsOf(manifest: Digest): Promise<readonly Digest[] | undefined>;

  /** In the order of the manifests. */
  partsOfAll(manifests: readonly Digest[]): Promise<(readonly Digest[] | undefined)[]>;

  /** The manifests that a digest is part of, in whichever repositories. */
  parentsOf(part: Digest): Promise<Digest[]>;

  putParts(manifest: Digest, parts: readonly Digest[]): Promise<void>;

  /** By repository, digest and kind. */
  page(query: PageQuery): Promise<UsageRecord[]>;

  /** References of one repository. */
  ofRepository(repository: string): Promise<UsageRecord[]>;

  totals(): Promise<UsageTotals>;

  /**
   * Says what running fills of this process will take, again and again as long as they run.
   *
   * @returns bytes that those of all processes will take, each digest once, and not those that are stored already
   */
  reserve(fills: ReadonlyMap<Digest, number>): Promise<number>;
  /** The fill has ended. */
  unreserve(digest: Digest, size: number): Promise<void>;

  /** Nothing of it gets lost piece by piece, as from a Redis that makes room by dropping any of its keys. */
  isLossless(): Promise<boolean>;

  /** Counts everything again, after a damage. */
  recount(): Promise<void>;

  pins(): Promise<Pin[]>;
  pin(pin: Pin): Promise<void>;
  /** @returns false when there was no such pin */
  unpin(pattern: string): Promise<boolean>;

  marker(name: Marker): Promise<string | undefined>;
  setMarker(name: Marker, value: string | undefined): Promise<void>;

  /** May be called again. */
  close(): Promise<void>;
}

/** One word for a reference, for maps. */
export function referenceKey({ repository, digest, kind }: ContentReference): string {
  return `${repository}@${digest}#${kind}`;
}
