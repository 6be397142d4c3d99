import type { Clock, Timer } from '../clock/clock.ts';
import type { Digest } from '../oci/digest.ts';
import { ContentList } from './content-list.ts';
import { Eviction } from './eviction.ts';
import { IndexUnavailableError } from '../usage/index-unavailable.ts';
import type { ManifestParts } from '../usage/manifest-parts.ts';
import type { PinBackup } from './pin-backup.ts';
import { pinPushedBefore, type PushedBeforeEvents, type UnprefixedUpstream } from './pushed-before.ts';
import type { UnprefixedOwner } from './unprefixed-owner.ts';
import { Pins, type TagReader } from './pins.ts';
import { Quota, type QuotaLimits, type RunExclusively } from './quota.ts';
import { type CountedStore, type RebuildProgress, rebuildIndex, type RebuildResult } from '../usage/rebuild.ts';
import { ExpiryScheduler } from './scheduler.ts';
import type { SchedulerState } from './scheduler-state.ts';
import { Scrub, type ScrubbedStore, type ScrubEvents } from './scrub.ts';
import { type ForgottenListener, Sweep, type SweepEvents, type SweptStore } from './sweep.ts';
import { type ContentReference, referenceKey, type UsageIndex, type UsageTotals } from '../usage/usage-index.ts';
import { recordNoted, type UnrecordedNotes } from '../usage/unrecorded-queue.ts';
import type { UsageRecorder } from '../usage/usage-recorder.ts';
import { StorageReadOnlyError } from '../storage/driver.ts';

export interface HousekeepingEvents extends SweepEvents, ScrubEvents, PushedBeforeEvents {
  /** A quota pass has ended. @param event.missing bytes that could not be freed */
  quotaEnforced(event: { references: number; bytes: number; missing: number; durationMs: number }): void;
  /** Called at most once a second after changes. */
  storeSize(totals: UsageTotals): void;
  /** This process became the housekeeping leader of those that share the index, or ceased to be. */
  ledHousekeeping(event: { readonly isLeading: boolean }): void;
  indexRebuilt(event: RebuildResult & { readonly durationMs: number }): void;
  /** A task failed and will be retried. Pulls are not affected. */
  housekeepingFailed(event: { readonly task: string; readonly error: unknown }): void;
}

/** How long content is stored. */
export interface HousekeepingPolicy {
  /** Milliseconds from the last use; 0 when content never expires. */
  readonly ttlMs: number;
  /** Time until uses of other processes are in the index. Milliseconds. */
  readonly graceMs: number;
  readonly quota: QuotaLimits | undefined;
  /** Uses by work that no client waits for count as so much older. Milliseconds. */
  readonly backgroundAgeMs: number;
  readonly pins: readonly string[];
  /** Repositories whose content cannot be fetched again, and never expires. */
  readonly isHosted: (repository: string) => boolean;
  /** Absent when nothing expires, or every upstream has a prefix. */
  readonly unprefixed: UnprefixedUpstream | undefined;
  /** Whether bytes without links are removed. */
  readonly sweepsUnreferenced: boolean;
  readonly scrub: { readonly rate: number; readonly intervalMs: number };
}

/** Elects one of the processes that share the index for housekeeping. */
export interface HousekeepingLeader {
  start(term: { begin(): Promise<void>; end(): Promise<void> }): void;
  stop(): Promise<void>;
  runExclusively: RunExclusively;
}

export interface HousekeepingOptions {
  readonly index: UsageIndex;
  readonly recorder: UsageRecorder;
  readonly parts: ManifestParts;
  readonly store: SweptStore & CountedStore & ScrubbedStore & { readonly tags: TagReader };
  readonly notes: UnrecordedNotes;
  /** Absent when no other process shares the index. */
  readonly leader?: HousekeepingLeader | undefined;
  /** Scheduled while this process is the leader. */
  readonly collections?: { schedule(): void; unschedule(): void };
  readonly policy: HousekeepingPolicy;
  readonly isFilling: (digest: Digest) => boolean;
  /** Called so that copies in memory are removed too. */
  readonly onForgotten: ForgottenListener;
  /** Reads the expiry list of a cache that distribution filled, for a new index. */
  readonly loadSchedulerState: () => Promise<SchedulerState>;
  readonly pinBackup: PinBackup;
  readonly unprefixedOwner: UnprefixedOwner;
  readonly events: HousekeepingEvents;
  readonly clock: Clock;
}

const STORE_SIZE_INTERVAL_MS = 1_000;
const RETRY_MS = 60_000;
const LOSSY =
  'Redis may evict any key when it is full, so every repository is searched before bytes are deleted; set its maxmemory-policy to volatile-lru or noeviction';

/** Manages stored content: expiry, quota, scrub and repair of the index. */
export class Housekeeping {
  readonly pins: Pins;
  readonly eviction: Eviction;
  readonly contents: ContentList;
  readonly scrub: Scrub;
  /** Absent when there is no limit. */
  readonly quota: Quota | undefined;
  readonly #options: HousekeepingOptions;
  readonly #sweep: Sweep;
  readonly #scheduler: ExpiryScheduler;
  #stopped = new AbortController();
  #beginning: Promise<void> | undefined;
  #rebuilding: Promise<RebuildResult> | undefined;
  #unsubscribe = () => {};
  #sizeTimer: Timer | undefined;
  #retryTimer: Timer | undefined;

  constructor(options: HousekeepingOptions) {
    const { index, recorder, parts, store, policy, events, clock, onForgotten, leader } = options;
    const { ttlMs, graceMs, isHosted } = policy;
    const failed = (task: string) => this.#failed(task);
    this.#options = options;
    const pins = new Pins({ configured: policy.pins, index, parts, tags: store.tags });
    const sweep = new Sweep({ ...options, events: this.#reporting(events) });
    this.#sweep = sweep;
    this.pins = pins;
    this.eviction = new Eviction({ index, sweep, parts, isHosted, now: clock.now });
    this.contents = new ContentList({ index, parts, tags: store.tags, pins, isHosted, ttlMs });
    this.#scheduler = new ExpiryScheduler({
      ...options,
      ...{ sweep, pins, ttlMs, graceMs, isHosted },
      onError: failed('expiry'),
    });
    this.scrub = new Scrub({ index, store, ...policy.scrub, onForgotten, events, clock });
    this.quota =
      policy.quota &&
      new Quota({
        limits: policy.quota,
        index,
        recorder,
        eviction: this.eviction,
        pins,
        runExclusively: leader && ((work, waiting) => leader.runExclusively(work, waiting)),
        // Twice: otherwise, of a list that is larger than the quota, each image would evict the one before.
        backgroundAgeMs: 2 * policy.backgroundAgeMs,
        now: clock.now,
        onEvicted: (event) => events.quotaEnforced(event),
        onError: failed('quota'),
      });
  }

  /**
   * Starts to enforce quota and TTL, and to complete the index; where several processes share the index, in one of them.
   * Waits for nothing.
   */
  start(): void {
    const { recorder, leader } = this.#options;
    this.#unsubscribe = recorder.onLinked(() => {
      this.#scheduler.wake();
      void this.quota?.check();
      this.#reportSize();
    });
    this.#reportSize();
    if (leader) leader.start({ begin: () => this.#lead(), end: () => this.#follow() });
    else this.#beginning = this.#beginWhenComplete();
  }

  /** Joins a rebuild that is in progress. */
  rebuild(onProgress?: (progress: RebuildProgress) => void): Promise<RebuildResult> {
    this.#rebuilding ??= this.#rebuild(onProgress).finally(() => (this.#rebuilding = undefined));
    return this.#rebuilding;
  }

  /** Deletes bytes that no repository links, as far as the index has them. */
  async sweepUnreferenced(): Promise<void> {
    if (this.#options.policy.sweepsUnreferenced) await this.#sweep.sweepUnreferenced();
  }

  /** Resolves when tasks in progress have ended. */
  async stop(): Promise<void> {
    const { leader, recorder } = this.#options;
    this.#unsubscribe();
    await this.#end();
    this.#sizeTimer?.cancel();
    await Promise.all([leader?.stop(), this.quota?.stop()]);
    await recorder.close();
  }

  async #lead(): Promise<void> {
    this.#stopped = new AbortController();
    this.#options.events.ledHousekeeping({ isLeading: true });
    this.#options.collections?.schedule();
    this.#beginning = this.#beginWhenComplete();
  }

  async #follow(): Promise<void> {
    this.#options.events.ledHousekeeping({ isLeading: false });
    this.#options.collections?.unschedule();
    await this.#end();
  }

  async #end(): Promise<void> {
    this.#stopped.abort();
    this.#retryTimer?.cancel();
    await Promise.all([
      this.#scheduler.stop(),
      this.scrub.stop(),
      this.#rebuilding?.catch(() => {}), // reported when it failed
      this.#beginning,
    ]);
  }

  /** Never fails: storage or Redis may be unavailable at startup. */
  async #beginWhenComplete(): Promise<void> {
    try {
      const { index, notes, clock } = this.#options;
      const wasIndexed = (await index.marker('complete')) !== undefined;
      if (!wasIndexed) await this.rebuild();
      await this.#pinPushedBefore(wasIndexed);
      if (index.isShared) await recordNoted(index, notes, clock.now());
      if (!(await index.isLossless())) this.#failed('index')(new Error(LOSSY));
      await this.#begin();
    } catch (err) {
      this.#failed('index')(err);
      if (this.#stopped.signal.aborted) return;
      this.#retryTimer = this.#options.clock.setTimer(() => void this.#beginWhenComplete(), RETRY_MS);
    }
  }

  async #pinPushedBefore(wasIndexed: boolean): Promise<void> {
    const { policy, unprefixedOwner: owner, clock, ...options } = this.#options;
    if (!policy.sweepsUnreferenced) return;
    try {
      await pinPushedBefore(policy.unprefixed, { ...options, owner, now: clock.now, wasIndexed });
    } catch (err) {
      // From read-only storage nothing can be removed, and scrubs are still due.
      if (!(err instanceof StorageReadOnlyError)) throw err;
    }
  }

  async #begin(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#scheduler.start();
    await this.sweepUnreferenced();
    await this.quota?.check();
    await this.scrub.schedule();
  }

  async #rebuild(onProgress?: (progress: RebuildProgress) => void): Promise<RebuildResult> {
    const { index, parts, store, pinBackup, events, clock } = this.#options;
    const startedAt = clock.now();
    for (const pin of await pinBackup.load()) await index.pin(pin);
    const lastUsedAt = await this.#agesOfUnknown();
    const { signal } = this.#stopped;
    const result = await rebuildIndex({ index, parts, store, lastUsedAt, signal, ...(onProgress && { onProgress }) });
    events.indexRebuilt({ ...result, durationMs: clock.now() - startedAt });
    this.#reportSize();
    return result;
  }

  /** Content that distribution cached keeps its age; anything else counts as used now. */
  async #agesOfUnknown(): Promise<(reference: ContentReference) => number> {
    const { loadSchedulerState, policy, clock } = this.#options;
    const startedAt = clock.now();
    const state = await loadSchedulerState();
    const entries = state.kind === 'read' ? state.entries : [];
    const expiresAt = new Map(entries.map((entry) => [referenceKey(entry), entry.expiresAt]));
    const ttlMs = policy.ttlMs || DISTRIBUTION_TTL_MS;
    return (reference) => {
      const known = expiresAt.get(referenceKey(reference));
      return known === undefined ? startedAt : Math.min(known - ttlMs, startedAt);
    };
  }

  #reporting(events: SweepEvents): SweepEvents {
    return {
      contentRemoved: (event) => {
        events.contentRemoved(event);
        this.#reportSize();
      },
    };
  }

  #reportSize(): void {
    this.#sizeTimer ??= this.#options.clock.setTimer(() => {
      this.#sizeTimer = undefined;
      this.#options.index.totals().then((totals) => this.#options.events.storeSize(totals), this.#failed('index'));
    }, STORE_SIZE_INTERVAL_MS);
  }

  #failed(task: string): (error: unknown) => void {
    return (error) => {
      // The connection to the index logs that it is unavailable.
      if (!this.#stopped.signal.aborted && !(error instanceof IndexUnavailableError))
        this.#options.events.housekeepingFailed({ task, error });
    };
  }
}

/** Distribution's default of `proxy.ttl`. Milliseconds. */
const DISTRIBUTION_TTL_MS = 168 * 3_600_000;
