import { type BoundedCache, createCountedCache } from '../cache/lru.ts';
import { type Clock, SYSTEM_CLOCK } from '../clock/clock.ts';
import type { Digest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { ByteSource } from '../stream/byte-source.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import { type BandwidthLimit, FillPace } from './bandwidth-limit.ts';
import type { RemoteBlob } from './blob-download.ts';
import { DirectBlob } from './direct-blob.ts';
import type { FillEvents } from './fill-events.ts';
import { type FillResult, FillYieldedError, isOutOfSpace } from './fill-failure.ts';
import type { FillSharing } from './fill-sharing.ts';
import { type FillLimits, FillSlots } from './fill-slots.ts';
import { FillSource } from './fill-source.ts';
import { FillSources } from './fill-sources.ts';
import type { FillTarget } from './fill-target.ts';
import { Fill } from './fill.ts';
import type { Bandwidth, Outcome } from '../registry/registry.ts';
import type { RunningFills } from './running-fills.ts';
import type { SpoolArea } from './spool-area.ts';
import { storedBlob } from './stored-blob.ts';

export interface FillsOptions {
  readonly running: RunningFills;
  readonly spools: SpoolArea;
  readonly target: FillTarget;
  readonly events: FillEvents & StorageFullEvents;
  /** Fills that run at the same time; others wait. */
  readonly limits: FillLimits;
  /** A slower source counts as stalled. Bytes per second. */
  readonly minRate: number;
  /** Of fills that no client waits for. Absent without a limit. */
  readonly bandwidth?: BandwidthLimit | undefined;
  /** Shares fills with other replicas; absent when there are none. */
  readonly sharing?: FillSharing;
  /** For waits, for a slot or after failures. @default the clock of the system */
  readonly clock?: Clock;
}

export interface StorageFullEvents {
  storageFull(event: { readonly what: string }): void;
  storageRecovered(): void;
}

export interface FillRequest {
  readonly blob: RemoteBlob;
  /** Stored name of the repository. */
  readonly stored: string;
  /**
   * Called before the request joins a fill of another repository: the upstream must confirm that this one has the blob.
   *
   * @throws {UpstreamError} · {RegistryError} when it does not
   */
  readonly confirm: () => Promise<void>;
  /** Ends a download for this client alone. Fills continue without it. */
  readonly signal?: AbortSignal | undefined;
  /** No client waits for it. @default false */
  readonly isBackground?: boolean;
  /** Of this work, in addition to that of all such work. */
  readonly bandwidth?: Bandwidth | undefined;
}

export interface FilledBlob {
  readonly source: ByteSource;
  readonly outcome: Outcome;
}

/** After the disk was full: how long blobs are streamed without an attempt to store them. Milliseconds. */
const FULL_HOLD_MS = 5_000;
const OVER_LIMIT_HOLD_MS = 60_000;
/** After an upstream sent other bytes than the blob's: how long its repositories do not share fills of it. Milliseconds. */
const DISTRUST_MS = 10 * 60_000;

/**
 * All fills of the process. Clients of one upstream share the fill of a digest, each for a repository that is known to have it. Upstreams do
 * not share fills: bytes of one reach clients of another only when they are verified and stored.
 */
export class Fills {
  readonly #options: FillsOptions;
  readonly #running: RunningFills;
  readonly #slots: FillSlots;
  readonly #clock: Clock;
  #fullUntil = 0;
  /** Blobs that exceed a limit, by the size that their own upstream announces. */
  readonly #overLimit = createCountedCache<{ readonly until: number }>({ maxEntries: 1_000 });
  readonly #distrusted: BoundedCache<object>;

  constructor(options: FillsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#running = options.running;
    this.#slots = new FillSlots(options.limits, this.#clock);
    this.#distrusted = createCountedCache({ maxEntries: 10_000, ttlMs: DISTRUST_MS, now: this.#clock.monotonic });
  }

  /** The fill in progress that a request for the blob would join. */
  find(blob: RemoteBlob): Fill | undefined {
    if (this.#running.isEmpty) return undefined; // on the path of every warm pull
    const fill = this.#running.get(this.#keyOf(blob).id)?.fill;
    return fill?.ended ? undefined : fill;
  }

  /**
   * The blob from the fill in progress, or from one that starts now. Streamed from the upstream when there is no space to store it.
   *
   * @returns undefined when a fill ended meanwhile: the caller looks in storage, then calls again
   * @throws {UpstreamError} · what `confirm` throws
   */
  async open(request: FillRequest): Promise<FilledBlob | undefined> {
    const { blob, stored, signal } = request;
    const running = this.find(blob);
    if (running && !running.admits(stored)) {
      await request.confirm();
      // Confirmed, and joined without an await in between.
      if (this.find(blob) !== running) return undefined;
      running.join(this.#confirmedSource(request));
    }
    if (!running && this.#wasOutOfSpace(blob)) return this.#openDirect(blob, signal);
    const fill = running ?? this.#start(request);
    if (!request.isBackground) fill.hurry();
    return this.#follow(fill, request, running ? 'FILL' : 'MISS');
  }

  /** Resolves when the fill in progress, if there is one, has stored the blob or failed. */
  async ended(blob: RemoteBlob): Promise<void> {
    await this.#running.get(this.#keyOf(blob).id)?.ended;
  }

  /** For another replica: follows the repository's fill in progress. @returns undefined when there is none, or it fails */
  async follow(stored: string, digest: Digest): Promise<ByteSource | undefined> {
    const fill = this.#running.all.find((candidate) => candidate.digest === digest && candidate.admits(stored));
    // Of the other replica's clients, one may wait for it.
    fill?.hurry();
    const blob = fill?.blobOf(stored);
    return blob && fill?.follow(blob, stored, { isPatient: true }).catch(() => undefined);
  }

  /** Ends every fill; the bytes received so far stay on disk for the next start. */
  async stop(): Promise<void> {
    for (const fill of this.#running.all) fill.stop(new RegistryError('UNAVAILABLE', 'the registry is shutting down'));
    await this.#running.idle();
  }

  async #follow(fill: Fill, { blob, stored, signal }: FillRequest, outcome: Outcome): Promise<FilledBlob | undefined> {
    const leave = fill.enter();
    try {
      const source = await fill.follow(blob, stored);
      if (source) return { source, outcome };
      await this.#endOf(fill);
      return undefined;
    } catch (err) {
      if (!isOutOfSpace(err) && !(err instanceof FillYieldedError)) throw err;
      return await this.#openDirect(blob, signal);
    } finally {
      leave();
    }
  }

  /** There was no space a moment ago: another attempt would cost the upstream a request. */
  #wasOutOfSpace(blob: RemoteBlob): boolean {
    const until = Math.max(this.#fullUntil, this.#overLimit.get(this.#keyOf(blob).id)?.until ?? 0);
    return this.#clock.now() < until;
  }

  async #endOf(fill: Fill): Promise<void> {
    const running = this.#running.get(fill.id);
    if (running?.fill === fill) await running.ended;
  }

  #start(request: FillRequest): Fill {
    const { spools, target, events, sharing, minRate, bandwidth } = this.#options;
    const { id, ...key } = this.#keyOf(request.blob);
    const openStored = async (digest: Digest, start: number) => {
      const source = await target.bytes.open(digest);
      return source && storedBlob(source, start);
    };
    const fill = new Fill({
      id,
      key,
      sources: new FillSources(this.#sourceOf(request), openStored),
      spools,
      target: sharing?.target(target) ?? target,
      events,
      minRate,
      clock: this.#clock,
      pace: request.isBackground ? FillPace.of([bandwidth, request.bandwidth]) : undefined,
      onIdle: () => this.#becameIdle(fill),
    });
    this.#running.add(fill, this.#run(fill));
    return fill;
  }

  async #run(fill: Fill): Promise<void> {
    const slot = this.#slots.acquire(fill.upstream, fill.signal);
    if (this.#slots.isQueued) this.#yieldFor(fill);
    const result = await slot.then(
      (release) => fill.run().finally(release),
      (reason: unknown) => fill.cancelled(reason),
    );
    // Immediately: fills that start from now on do not share bytes of this upstream.
    if (result === 'untrusted') this.#distrusted.set(sharedKey(fill.upstream, fill.digest), {});
    for (const stored of fill.repositories) await this.#options.sharing?.release(stored, fill.digest);
    this.#ended(fill, result);
  }

  #ended(fill: Fill, result: FillResult): void {
    this.#running.remove(fill); // the next fill of the digest may have started while this one closed its file
    const wasFull = this.#fullUntil > 0;
    if (result === 'no-space') {
      this.#fullUntil = this.#clock.now() + FULL_HOLD_MS;
      if (!wasFull) this.#options.events.storageFull({ what: 'blobs' });
    } else if (result === 'over-limit') {
      this.#overLimit.set(fill.id, { until: this.#clock.now() + OVER_LIMIT_HOLD_MS });
    } else if (result === 'completed') {
      this.#finishOthers(fill.digest);
      if (wasFull) this.#recovered();
    }
  }

  #recovered(): void {
    this.#fullUntil = 0;
    this.#options.events.storageRecovered();
  }

  /** Other upstreams may still be sending the same bytes. */
  #finishOthers(digest: Digest): void {
    for (const fill of this.#running.all) if (fill.digest === digest) fill.finishFromStorage();
  }

  /** A fill waits for a slot: the slowest one without clients releases its own. */
  #yieldFor(waiting: Fill): void {
    const idle = this.#running.all
      .filter((fill) => fill !== waiting && fill.isStarted && fill.isIdle && !fill.signal.aborted)
      .filter((fill) => this.#slots.isWanted(fill.upstream));
    idle.sort((a, b) => a.rate - b.rate)[0]?.yield();
  }

  #becameIdle(fill: Fill): void {
    if (!fill.isStarted || this.#slots.isWanted(fill.upstream)) fill.yield();
  }

  #keyOf({ upstream, repository, digest }: RemoteBlob) {
    const shared = sharedKey(upstream.name, digest);
    const isShared = this.#distrusted.get(shared) === undefined;
    const source = isShared ? upstream.name : `${upstream.name}/${repository}`;
    return { id: `${source}@${digest}`, digest, source };
  }

  #sourceOf({ blob, stored }: FillRequest): FillSource {
    return new FillSource(this.#options.sharing?.share(blob, stored) ?? blob, stored);
  }

  #confirmedSource(request: FillRequest): FillSource {
    const source = this.#sourceOf(request);
    source.confirm();
    return source;
  }

  /** @throws {UpstreamError} also when the upstream does not send the size, which a response has to announce */
  async #openDirect(blob: RemoteBlob, signal: AbortSignal | undefined): Promise<FilledBlob> {
    const source = await DirectBlob.open(blob, { signal, clock: this.#clock });
    if (source) return { source, outcome: 'BYPASS' };
    const { name } = blob.upstream;
    throw new UpstreamError('protocol', `${name}: no Content-Length for ${blob.digest}`, { upstream: name });
  }
}

function sharedKey(upstream: string, digest: Digest): string {
  return `${upstream}@${digest}`;
}
