import type { Clock, Timer } from '../clock/clock.ts';
import type { CollectionProgress, CollectionResult } from '../content/garbage/collection-result.ts';
import type { CollectorOptions } from '../content/content-store.ts';
import type { GarbageCollector } from '../content/garbage/garbage-collector.ts';
import type { Digest } from '../oci/digest.ts';
import type { CollectionRequest, CollectionStatus } from '../operations/cache-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { ForgottenListener } from './sweep.ts';
import type { UsageIndex } from '../usage/usage-index.ts';
import type { UsageRecorder } from '../usage/usage-recorder.ts';

export interface CollectionPolicy {
  /** From the end of one collection to the start of the next. Milliseconds; 0 when none is scheduled. */
  readonly intervalMs: number;
  /** Milliseconds. */
  readonly graceMs: number;
  readonly deleteUntagged: boolean;
  readonly keepReferrers: boolean;
}

export interface CollectionEvents {
  collectionFinished(event: CollectionResult & { readonly durationMs: number; readonly dryRun: boolean }): void;
  housekeepingFailed(event: { readonly task: string; readonly error: unknown }): void;
}

/** The part of a content store that collections use. */
export interface CollectableStore {
  readonly garbage: {
    createCollector(options: CollectorOptions): Pick<GarbageCollector, 'collect' | 'clearLeftovers'>;
  };
}

export interface CollectionsOptions {
  readonly store: CollectableStore;
  readonly index: UsageIndex;
  readonly recorder: UsageRecorder;
  readonly policy: CollectionPolicy;
  /** Only one process can collect in this storage: its {@link Collections.becomeOwner owner}. */
  readonly isAlone: boolean;
  /** Repositories with pushed content. Of other repositories, only unreferenced bytes are removed. */
  readonly isHosted: (repository: string) => boolean;
  readonly isFilling: (digest: Digest) => boolean;
  readonly onForgotten: ForgottenListener;
  readonly events: CollectionEvents;
  readonly clock: Clock;
}

/** Garbage collections, on request or on schedule. One at a time. */
export class Collections {
  readonly #options: CollectionsOptions;
  readonly #stopped = new AbortController();
  #status: CollectionStatus = { running: false };
  #running: Promise<CollectionResult> | undefined;
  #timer: Timer | undefined;
  #isOwner = false;

  constructor(options: CollectionsOptions) {
    this.#options = options;
  }

  get status(): CollectionStatus {
    return this.#status;
  }

  /** From now on this process manages the storage, perhaps together with replicas that respect each other's collections. */
  async becomeOwner(): Promise<void> {
    this.#isOwner = true;
    if (this.#options.isAlone) await this.#collector().clearLeftovers();
  }

  /** The first collection starts after one interval, so that frequent restarts do not cause constant collections. */
  schedule(): void {
    this.unschedule();
    const { intervalMs } = this.#options.policy;
    if (intervalMs === 0 || this.#stopped.signal.aborted) return;
    this.#timer = this.#options.clock.setTimer(() => void this.#runScheduled(), intervalMs);
  }

  /** A collection in progress continues. */
  unschedule(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /**
   * @throws {ControlError} at once: `unavailable` when another process owns the storage, `held` while another collection is running, which may
   *   be a dry run
   */
  run(request: CollectionRequest, onProgress?: (progress: CollectionProgress) => void): Promise<CollectionResult> {
    if (!this.#isOwner && !request.dryRun) {
      throw new ControlError('unavailable', 'another process owns this storage: send the request to that process');
    }
    if (this.#running)
      throw new ControlError('held', 'a garbage collection is already running: try again when it has finished');
    this.#running = this.#run(request, onProgress).finally(() => (this.#running = undefined));
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#stopped.abort(new Error('the service is stopping'));
    await this.#running?.catch(() => {}); // its status has the error
  }

  async #runScheduled(): Promise<void> {
    const timer = this.#timer;
    try {
      await this.run({});
    } catch (error) {
      if (!this.#stopped.signal.aborted) this.#options.events.housekeepingFailed({ task: 'garbage collection', error });
    }
    // Unless it was unscheduled meanwhile.
    if (this.#timer === timer) this.schedule();
  }

  async #run(request: CollectionRequest, onProgress?: (progress: CollectionProgress) => void) {
    const { policy, events, clock } = this.#options;
    const startedAt = clock.now();
    const { dryRun = false } = request;
    this.#status = { running: true };
    try {
      const result = await this.#collector().collect({
        deleteUntagged: request.deleteUntagged ?? policy.deleteUntagged,
        keepReferrers: policy.keepReferrers,
        graceMs: request.graceMs ?? policy.graceMs,
        dryRun,
        signal: this.#stopped.signal,
        onProgress: (progress) => {
          this.#status = { running: true, progress };
          onProgress?.(progress);
        },
      });
      this.#status = { running: false, result };
      events.collectionFinished({ ...result, dryRun, durationMs: clock.now() - startedAt });
      return result;
    } catch (err) {
      this.#status = { running: false, error: err instanceof Error ? err.message : String(err) };
      throw err;
    }
  }

  #collector() {
    const { store, index, recorder, isHosted, isFilling, onForgotten, clock } = this.#options;
    return store.garbage.createCollector({
      isCollected: isHosted,
      isHeld: isFilling,
      onForgotten: async ({ repository, digest, kind, tags }) => {
        await onForgotten(repository, digest, tags);
        recorder.discard(repository, digest);
        await index.remove([{ repository, digest, kind }]);
      },
      onBytesRemoved: (digest) => index.bytesRemoved(digest),
      now: clock.now,
    });
  }
}
