import pLimit from 'p-limit';

import { createCountedCache } from '../cache/lru.ts';
import type { Digest } from '../oci/digest.ts';
import type { ByteSource } from '../stream/byte-source.ts';
import type { RemoteBlob } from './blob-download.ts';
import { DirectBlob } from './direct-blob.ts';
import type { FillSharing } from './fill-sharing.ts';
import { Fill, type FillEvents, type FillResult, type FillTarget, isNoRoom } from './fill.ts';
import type { Outcome } from './registry.ts';
import type { SpoolArea } from './spool-area.ts';

export interface FillsOptions {
  readonly spools: SpoolArea;
  readonly target: FillTarget;
  readonly events: FillEvents & StorageFullEvents;
  /** Fills that run at the same time; more wait their turn. */
  readonly maxConcurrent: number;
  /** With other replicas; alone without it. */
  readonly sharing?: FillSharing;
  readonly now?: () => number;
}

export interface StorageFullEvents {
  storageFull(event: { readonly what: string }): void;
  storageRecovered(): void;
}

export interface FilledBlob {
  readonly source: ByteSource;
  readonly outcome: Outcome;
}

/** After the disk was full: how long blobs stream through without an attempt to keep them. Milliseconds. */
const FULL_HOLD_MS = 5_000;
const OVER_LIMIT_HOLD_MS = 60_000;

/** All fills of the process: one for each digest, whoever asks. */
export class Fills {
  readonly #options: FillsOptions;
  readonly #running = new Map<Digest, { fill: Fill; ended: Promise<void> }>();
  readonly #slot: <T>(work: () => Promise<T>) => Promise<T>;
  readonly #stopped = new AbortController();
  readonly #now: () => number;
  #fullUntil = 0;
  /** Blobs that do not fit under the limit on spools. */
  readonly #overLimit = createCountedCache<{ readonly until: number }>({ maxEntries: 1_000 });

  constructor(options: FillsOptions) {
    this.#options = options;
    this.#slot = pLimit(options.maxConcurrent);
    this.#now = options.now ?? Date.now;
  }

  /** The fill of a digest that is under way. */
  find(digest: Digest): Fill | undefined {
    const fill = this.#running.get(digest)?.fill;
    return fill?.ended ? undefined : fill;
  }

  /**
   * The blob from the fill under way, or from one that starts now. When there is no room to keep it: straight through.
   *
   * @param storeRepository the name in our storage
   * @returns undefined when a fill has just ended: what it got is in storage, or not to be had this way
   * @throws {UpstreamError}
   */
  async open(blob: RemoteBlob, storeRepository: string): Promise<FilledBlob | undefined> {
    const running = this.find(blob.digest);
    if (!running && this.#isHopeless(blob.digest)) return this.#openDirect(blob);
    const fill = running ?? this.#start(blob, storeRepository);
    fill.linkAlso(storeRepository);
    try {
      const source = fill.follow(await fill.opened);
      if (source) return { source, outcome: running ? 'FILL' : 'MISS' };
      await this.#endOf(fill);
      return undefined;
    } catch (err) {
      if (!isNoRoom(err)) throw err;
      return this.#openDirect(blob);
    }
  }

  /** Another replica reads along with a fill under way for the repository; undefined when there is none, or it fails. */
  async follow(storeRepository: string, digest: Digest): Promise<ByteSource | undefined> {
    const fill = this.find(digest);
    if (!fill?.isFor(storeRepository)) return undefined;
    const size = await fill.opened.catch(() => undefined);
    return size === undefined ? undefined : fill.follow(size, { isPatient: true });
  }

  /** Ends every fill; what they have fetched waits on disk for the next start. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the process is ending'));
    await this.idle();
  }

  /** Resolves when nothing is being filled. */
  async idle(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  /** There was no room a moment ago: asking the upstream only to find that out again would cost it a request. */
  #isHopeless(digest: Digest): boolean {
    const until = Math.max(this.#fullUntil, this.#overLimit.get(digest)?.until ?? 0);
    return this.#now() < until;
  }

  async #endOf(fill: Fill): Promise<void> {
    const running = this.#running.get(fill.digest);
    if (running?.fill === fill) await running.ended;
  }

  #start(blob: RemoteBlob, storeRepository: string): Fill {
    const { spools, target, events, sharing } = this.#options;
    const fill = new Fill({
      blob,
      ...(sharing && { source: sharing.share(blob, storeRepository) }),
      storeRepository,
      spools,
      target: sharing?.target(target) ?? target,
      events,
      signal: this.#stopped.signal,
    });
    this.#running.set(blob.digest, { fill, ended: this.#run(fill, storeRepository) });
    return fill;
  }

  async #run(fill: Fill, storeRepository: string): Promise<void> {
    const result = await this.#slot(() => fill.run());
    await this.#options.sharing?.release(storeRepository, fill.digest);
    this.#ended(fill, result);
  }

  #ended(fill: Fill, result: FillResult): void {
    // The next fill of the digest may have begun while this one was closing its file.
    if (this.#running.get(fill.digest)?.fill === fill) this.#running.delete(fill.digest);
    const wasFull = this.#fullUntil > 0;
    if (result === 'no-room') {
      this.#fullUntil = this.#now() + FULL_HOLD_MS;
      if (!wasFull) this.#options.events.storageFull({ what: 'blobs' });
    } else if (result === 'over-limit') {
      this.#overLimit.set(fill.digest, { until: this.#now() + OVER_LIMIT_HOLD_MS });
    } else if (result === 'completed' && wasFull) {
      this.#fullUntil = 0;
      this.#options.events.storageRecovered();
    }
  }

  async #openDirect(blob: RemoteBlob): Promise<FilledBlob> {
    return { source: await DirectBlob.open(blob), outcome: 'BYPASS' };
  }
}
