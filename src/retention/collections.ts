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
  /** From the end of one to the start of the next. Milliseconds; 0: only when asked for. */
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

/** Our content store, as far as its garbage is concerned. */
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
  /** Of all that use the storage, only the process that {@link Collections.keep keeps} it collects. */
  readonly isAlone: boolean;
  /** Pushed here; of other repositories only loose bytes are removed. */
  readonly isHosted: (repository: string) => boolean;
  readonly isFilling: (digest: Digest) => boolean;
  readonly onForgotten: ForgottenListener;
  readonly events: CollectionEvents;
  readonly now: () => number;
}

/** Collections of garbage: asked for, or from time to time. One at a time. */
export class Collections {
  readonly #options: CollectionsOptions;
  readonly #stopped = new AbortController();
  #status: CollectionStatus = { running: false };
  #running: Promise<CollectionResult> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isKeeper = false;

  constructor(options: CollectionsOptions) {
    this.#options = options;
  }

  get status(): CollectionStatus {
    return this.#status;
  }

  /** It is this process that looks after the storage, perhaps with others that heed each other. */
  async keep(): Promise<void> {
    this.#isKeeper = true;
    if (this.#options.isAlone) await this.#collector().clearLeftovers();
  }

  /** The first one comes after an interval, so that a process that is restarted often does not do much else. */
  schedule(): void {
    this.unschedule();
    const { intervalMs } = this.#options.policy;
    if (intervalMs === 0 || this.#stopped.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#runScheduled(), intervalMs).unref();
  }

  /** One that is under way goes on. */
  unschedule(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * @throws {ControlError} at once: `unavailable` when it is for another process to do, `held` while another one is under way, which may
   *   be a dry run
   */
  run(request: CollectionRequest, onProgress?: (progress: CollectionProgress) => void): Promise<CollectionResult> {
    if (!this.#isKeeper && !request.dryRun) {
      throw new ControlError('unavailable', 'another process looks after this storage: ask that one');
    }
    if (this.#running)
      throw new ControlError('held', 'garbage is being collected already: try again when that is over');
    this.#running = this.#run(request, onProgress).finally(() => (this.#running = undefined));
    return this.#running;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stopped.abort(new Error('the service ends'));
    await this.#running?.catch(() => {}); // told by its status
  }

  async #runScheduled(): Promise<void> {
    const timer = this.#timer;
    try {
      await this.run({});
    } catch (error) {
      if (!this.#stopped.signal.aborted) this.#options.events.housekeepingFailed({ task: 'garbage collection', error });
    }
    // Not if it was unscheduled meanwhile.
    if (this.#timer === timer) this.schedule();
  }

  async #run(request: CollectionRequest, onProgress?: (progress: CollectionProgress) => void) {
    const { policy, events, now } = this.#options;
    const startedAt = now();
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
      events.collectionFinished({ ...result, dryRun, durationMs: now() - startedAt });
      return result;
    } catch (err) {
      this.#status = { running: false, error: err instanceof Error ? err.message : String(err) };
      throw err;
    }
  }

  #collector() {
    const { store, index, recorder, isHosted, isFilling, onForgotten, now } = this.#options;
    return store.garbage.createCollector({
      isCollected: isHosted,
      isHeld: isFilling,
      onForgotten: async ({ repository, digest, kind, tags }) => {
        onForgotten(repository, digest, tags);
        recorder.discard(repository, digest);
        await index.remove([{ repository, digest, kind }]);
      },
      onBytesRemoved: (digest) => index.bytesRemoved(digest),
      now,
    });
  }
}
