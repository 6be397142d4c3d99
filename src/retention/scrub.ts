import { createHash } from 'node:crypto';

import type { Clock, Timer } from '../clock/clock.ts';
import type { StoredBytes } from '../content/stored-bytes.ts';
import { type Digest, digestAlgorithm, digestFromHash } from '../oci/digest.ts';
import { StorageUnavailableError } from '../storage/driver.ts';
import { withRemovalClaim } from '../usage/removal-claim.ts';
import type { ScrubStatus } from '../operations/cache-control.ts';
import type { ForgottenListener } from './sweep.ts';
import type { UsageIndex } from '../usage/usage-index.ts';

/** The part of a content store that a scrub reads. */
export interface ScrubbedStore {
  readonly bytes: Pick<StoredBytes, 'walk' | 'open' | 'locked' | 'quarantine'>;
}

export interface ScrubEvents {
  scrubStarted(): void;
  scrubbed(event: { readonly bytes: number }): void;
  /** Bytes that do not match their digest were moved to quarantine. */
  quarantined(event: { readonly digest: Digest; readonly movedTo: string; readonly size: number }): void;
  /** Bytes could not be read. */
  unreadable(event: { readonly digest: Digest; readonly reason: string }): void;
  scrubFinished(event: {
    readonly blobs: number;
    readonly bytes: number;
    readonly damaged: number;
    readonly unreadable: number;
  }): void;
}

export interface ScrubOptions {
  readonly index: UsageIndex;
  readonly store: ScrubbedStore;
  /** Bytes per second. */
  readonly rate: number;
  /** From the end of one scrub to the start of the next. Milliseconds; 0 when none is scheduled. */
  readonly intervalMs: number;
  readonly onForgotten: ForgottenListener;
  readonly events: ScrubEvents;
  readonly clock: Clock;
}

const IDLE: ScrubStatus = { running: false, blobs: 0, bytes: 0, damaged: [], unreadable: [], progress: 0 };
/** Milliseconds. */
const MAX_WAIT_MS = 3_600_000;
/** How often the position is saved, from which another process can continue. Blobs. */
const SAVE_EVERY = 50;
/** When more blobs cannot be read, the storage as a whole has failed. */
const MAX_UNREADABLE = 100;

/**
 * Reads all stored bytes, at a limited rate, and compares them with their digest. Damaged bytes go to quarantine: they count as absent, and
 * are fetched again at the next pull. Unreadable bytes are skipped and reported.
 */
export class Scrub {
  readonly #options: ScrubOptions;
  #status: ScrubStatus = IDLE;
  #running: Promise<void> | undefined;
  #timer: Timer | undefined;
  #stopped = new AbortController();

  constructor(options: ScrubOptions) {
    this.#options = options;
  }

  get status(): ScrubStatus {
    return this.#status;
  }

  /** Continues an interrupted scrub, and starts one whenever it is due. */
  async schedule(): Promise<void> {
    const { index, intervalMs, clock } = this.#options;
    const finishedAt = Number(await index.marker('scrubbed-at')) || undefined;
    this.#status = { ...this.#status, finishedAt };
    if (intervalMs === 0) return;
    const isInterrupted = (await index.marker('scrub-cursor')) !== undefined;
    const waitMs = isInterrupted || finishedAt === undefined ? 0 : finishedAt + intervalMs - clock.now();
    if (waitMs <= 0) this.start();
    this.#timer = clock.setTimer(() => void this.schedule(), Math.min(Math.max(waitMs, 1_000), MAX_WAIT_MS));
  }

  /** Starts a scrub. When one is running, returns its status. */
  start(): ScrubStatus {
    if (this.#stopped.signal.aborted && !this.#running) this.#stopped = new AbortController();
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    return this.#status;
  }

  /** Resolves when no scrub is running. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { index, events, clock } = this.#options;
    this.#status = { ...IDLE, running: true, startedAt: clock.now(), finishedAt: this.#status.finishedAt };
    events.scrubStarted();
    try {
      await this.#readAll();
      await index.setMarker('scrub-cursor', undefined);
      await index.setMarker('scrubbed-at', String(clock.now()));
      const { blobs, bytes, damaged, unreadable } = this.#status;
      this.#status = { ...this.#status, running: false, finishedAt: clock.now(), progress: 1 };
      events.scrubFinished({ blobs, bytes, damaged: damaged.length, unreadable: unreadable.length });
    } catch (err) {
      const error = this.#stopped.signal.aborted ? 'interrupted' : err instanceof Error ? err.message : String(err);
      this.#status = { ...this.#status, running: false, error };
    }
  }

  async #readAll(): Promise<void> {
    const { index, store, clock } = this.#options;
    const after = (await index.marker('scrub-cursor')) as Digest | undefined;
    const startedAt = clock.now();
    const onProgress = ({ done, total }: { done: number; total: number }) => {
      this.#status = { ...this.#status, progress: total === 0 ? 1 : done / total };
    };
    const onUnreadable = (digest: Digest, error: unknown) => this.#skip(digest, error);
    for await (const { digest, size } of store.bytes.walk({ after, onProgress, onUnreadable })) {
      await this.#check(digest, size, startedAt);
      const blobs = this.#status.blobs + 1;
      this.#status = { ...this.#status, blobs };
      if (blobs % SAVE_EVERY === 0) await index.setMarker('scrub-cursor', digest);
    }
  }

  async #check(digest: Digest, size: number, startedAt: number): Promise<void> {
    const actual = await this.#actualDigest(digest, startedAt).catch((error: unknown) => {
      this.#stopped.signal.throwIfAborted();
      this.#skip(digest, error);
      return undefined;
    });
    if (actual === digest || actual === undefined) return;
    const { store, index, events, onForgotten } = this.#options;
    await withRemovalClaim({ index, store }, digest, async (claim) => {
      // Checked again under the claim: it may have been replaced.
      const found = await this.#actualDigest(digest, startedAt);
      if (found === digest || found === undefined) return;
      claim.assertHeld();
      const movedTo = await store.bytes.quarantine(digest);
      const holders = await index.holders(digest);
      await index.bytesRemoved(digest);
      for (const { repository } of holders) await onForgotten(repository, digest, []);
      this.#status = { ...this.#status, damaged: [...this.#status.damaged, digest] };
      events.quarantined({ digest, movedTo, size });
    });
  }

  /** @throws the error, when the storage as a whole has failed */
  #skip(digest: Digest, error: unknown): void {
    const unreadable = [...this.#status.unreadable, digest];
    if (error instanceof StorageUnavailableError || unreadable.length > MAX_UNREADABLE) throw error;
    this.#status = { ...this.#status, unreadable };
    this.#options.events.unreadable({ digest, reason: error instanceof Error ? error.message : String(error) });
  }

  /** @returns undefined when there are no bytes */
  async #actualDigest(digest: Digest, startedAt: number): Promise<Digest | undefined> {
    const source = await this.#options.store.bytes.open(digest);
    if (!source) return undefined;
    const algorithm = digestAlgorithm(digest);
    const hash = createHash(algorithm);
    try {
      const { signal } = this.#stopped;
      for await (const chunk of source.read({ start: 0, end: source.size }, { signal })) {
        hash.update(chunk);
        await this.#keepPace(chunk.length, startedAt);
      }
    } finally {
      await source.close();
    }
    return digestFromHash(hash, algorithm);
  }

  async #keepPace(bytes: number, startedAt: number): Promise<void> {
    const { rate, clock, events } = this.#options;
    this.#status = { ...this.#status, bytes: this.#status.bytes + bytes };
    events.scrubbed({ bytes });
    const aheadMs = (this.#status.bytes / rate) * 1000 - (clock.now() - startedAt);
    this.#stopped.signal.throwIfAborted();
    if (aheadMs > 5) await clock.sleep(aheadMs, { signal: this.#stopped.signal });
  }
}
