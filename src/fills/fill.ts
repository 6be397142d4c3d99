import type { Clock } from '../clock/clock.ts';
import type { Digest } from '../oci/digest.ts';
import type { ByteSource } from '../stream/byte-source.ts';
import { type Spool, SpoolStoppedError } from '../stream/spool.ts';
import { DigestMismatchError } from '../stream/verify-digest.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import type { RemoteBlob } from './blob-download.ts';
import type { FillPace } from './bandwidth-limit.ts';
import type { FillEvent, FillEvents } from './fill-events.ts';
import { fillResultOf, type FillResult, FillYieldedError, isOutOfSpace, isWorthKeeping } from './fill-failure.ts';
import type { FillSource } from './fill-source.ts';
import type { FillSources } from './fill-sources.ts';
import type { FillTarget, StartedCommit } from './fill-target.ts';
import { FillTransfer } from './fill-transfer.ts';
import { FollowedBlob } from './followed-blob.ts';
import type { SpoolArea, SpoolKey } from './spool-area.ts';

export interface FillOptions {
  /** Unique among running fills. */
  readonly id: string;
  readonly key: SpoolKey;
  readonly sources: FillSources;
  readonly spools: SpoolArea;
  readonly target: FillTarget;
  readonly events: FillEvents;
  /** A slower source counts as stalled. Bytes per second. */
  readonly minRate: number;
  readonly clock: Clock;
  /** Absent when it is not limited. */
  readonly pace?: FillPace | undefined;
  /** Called when the last client has left. */
  readonly onIdle: () => void;
}

/**
 * One fetch of a blob from one upstream into storage. It belongs to the process, not to a request: it outlives its clients. Any number of
 * them follow it, each at its own pace and for a repository that has the blob.
 */
export class Fill {
  readonly #options: FillOptions;
  /** Size of the blob in bytes, once the upstream's headers are in. Rejects when the fill fails before. */
  readonly #opened: Promise<number>;
  /** Resolves when it can no longer be followed. */
  readonly #over: Promise<undefined>;
  readonly #linked = new Set<string>();
  readonly #stopped = new AbortController();
  /** Unix milliseconds. */
  readonly startedAt: number;
  #size: number | undefined;
  #resumedFrom: number | undefined;
  #spool: Spool | undefined;
  #transfer: FillTransfer | undefined;
  #commit: StartedCommit | undefined;
  #clients = 0;
  #isStarted = false;
  #ended = false;
  #end: () => void = () => {};
  #resolveOpened: (size: number) => void = () => {};
  #rejectOpened: (reason: unknown) => void = () => {};

  constructor(options: FillOptions) {
    this.#options = options;
    this.startedAt = options.clock.now();
    this.#opened = new Promise((resolve, reject) => {
      this.#resolveOpened = resolve;
      this.#rejectOpened = reject;
    });
    this.#over = new Promise((resolve) => {
      this.#end = () => {
        this.#ended = true;
        resolve(undefined);
      };
    });
    this.#opened.catch(() => {}); // each waiting client has its own rejection
  }

  get digest(): Digest {
    return this.#options.key.digest;
  }

  get id(): string {
    return this.#options.id;
  }

  /** Stored names of all repositories that ever joined. */
  get repositories(): readonly string[] {
    return this.#options.sources.names;
  }

  get upstream(): string {
    return this.#options.sources.name;
  }

  /** Aborts when the fill must end before it is complete. */
  get signal(): AbortSignal {
    return this.#stopped.signal;
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  /** No client waits for it or follows it. */
  get isIdle(): boolean {
    return this.#clients === 0;
  }

  /** It can no longer be followed. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Clients that wait for it or follow it. */
  get clients(): number {
    return this.#clients;
  }

  /** Bytes. Absent before the upstream has sent it. */
  get size(): number | undefined {
    return this.#size;
  }

  /** Bytes in the spool. */
  get written(): number {
    return this.#spool?.written ?? 0;
  }

  /** Bytes of an earlier fill. Absent when there were none. */
  get resumedFrom(): number | undefined {
    return this.#resumedFrom;
  }

  /** Current bytes per second. */
  get rate(): number {
    return this.#transfer?.rate ?? 0;
  }

  /** Whether clients of the repository may follow it: its upstream confirmed the blob, or is being queried. */
  admits(stored: string): boolean {
    return this.#options.sources.get(stored) !== undefined;
  }

  blobOf(stored: string): RemoteBlob | undefined {
    return this.#options.sources.get(stored)?.blob;
  }

  /** @param source confirmed by its upstream */
  join(source: FillSource): void {
    this.#options.sources.add(source);
    this.#transfer?.sourceJoined();
  }

  /** Its bytes are no longer limited. */
  hurry(): void {
    this.#options.pace?.hurry();
  }

  /** A client waits for it, or follows it, until the returned function is called. */
  enter(): () => void {
    this.#clients += 1;
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      this.#clients -= 1;
      if (this.#clients === 0) this.#options.onIdle();
    };
  }

  /**
   * Follows the fill for a repository that it admits.
   *
   * @param blob for ranges that are fetched in parallel to the fill
   * @returns undefined when the fill has ended, or ends before this repository was tried
   * @throws {UpstreamError} when the upstream refuses the blob for this repository, or for all
   */
  async follow(blob: RemoteBlob, stored: string, { isPatient = false } = {}): Promise<ByteSource | undefined> {
    const source = this.#options.sources.get(stored);
    if (!source) return undefined;
    const size = await this.#sizeFor(source);
    const spool = this.#spool;
    if (size === undefined || !spool || spool.failed || this.#ended) return undefined;
    const { events, clock } = this.#options;
    const leave = this.enter();
    events.fillReaders(1);
    const onClosed = () => {
      events.fillReaders(-1);
      leave();
    };
    return new FollowedBlob({ blob, spool, size, isPatient, clock, onClosed });
  }

  /**
   * @returns undefined when this source was not tried: the fill failed with other sources, and this one gets a separate fill; or an earlier
   *   fill had received all bytes
   */
  async #sizeFor(source: FillSource): Promise<number | undefined> {
    const confirmed = Promise.all([this.#opened, source.confirmed]).then(([size]) => size);
    try {
      return await Promise.race([confirmed, this.#over]);
    } catch (err) {
      if (err instanceof UpstreamError && source.isConfirmed && source.failures === 0) return undefined;
      throw err;
    }
  }

  /** Another fill has stored the bytes: the rest is read from storage. */
  finishFromStorage(): void {
    this.#options.sources.useStored();
  }

  /** Ends the fill; the bytes received so far stay on disk for the next one from the same source. */
  stop(reason: Error): void {
    this.#stopped.abort(reason);
  }

  /** Ends the fill, so that one with clients gets its slot. */
  yield(): void {
    this.stop(new FillYieldedError('another pull needed the slot'));
  }

  /** It ended before it could run. */
  cancelled(reason: unknown): FillResult {
    this.#rejectOpened(reason);
    this.#end();
    return fillResultOf(reason);
  }

  /** Runs the fill to its end. Never rejects. Called once. */
  async run(): Promise<FillResult> {
    const { spools, key } = this.#options;
    this.#isStarted = true;
    try {
      const spool = await spools.open(key);
      this.#spool = spool;
      const result = await this.#fillInto(spool);
      // Before it has ended: the next fill of the digest, which may start then, takes the same file.
      await spools.release(key);
      this.#end();
      await spool.release();
      // Repositories may have joined during the linking. When this fails, their next pull links them.
      if (result === 'completed') await this.#linkConfirmed().catch(() => {});
      return result;
    } catch (err) {
      this.#rejectOpened(err); // the spool could not even be opened
      return fillResultOf(err);
    } finally {
      this.#end();
    }
  }

  async #fillInto(spool: Spool): Promise<FillResult> {
    const { events } = this.#options;
    const startedAt = performance.now();
    try {
      events.fillStarted(this.#event());
      await this.#fetch(spool);
      await this.#options.sources.owner();
      spool.seal();
      this.#resolveOpened(spool.written);
      await this.#store(spool);
      const durationMs = performance.now() - startedAt;
      events.fillCompleted({ ...this.#event(), bytes: spool.written, durationMs });
      return 'completed';
    } catch (err) {
      const reason = this.#reasonOf(err);
      await this.#fail(spool, reason);
      return fillResultOf(reason);
    }
  }

  /** An interrupted wait rejects with an `AbortError` of Node.js, which has no reason. */
  #reasonOf(err: unknown): unknown {
    const { aborted, reason } = this.#stopped.signal;
    return aborted && (err as Error).name === 'AbortError' ? reason : err;
  }

  async #fetch(spool: Spool): Promise<void> {
    const { key, sources, spools, events, target, minRate, clock, pace } = this.#options;
    const { signal } = this.#stopped;
    this.#transfer = new FillTransfer({
      digest: key.digest,
      sources,
      spool,
      signal,
      minRate,
      clock,
      pace: pace && ((bytes) => pace.take(bytes, signal)),
      assertFits: (size) => spools.assertFits(key, size),
      reserve: (bytes) => spools.reserve(key, bytes),
      onResumed: (bytes) => {
        this.#resumedFrom = bytes;
        events.fillResumed({ ...this.#event(), bytes });
      },
      onOpened: (size, space) => {
        this.#size = size;
        space.then(() => this.#resolveOpened(size), this.#rejectOpened);
        this.#commit ??= target.bytes.startCommit?.(key.digest, spool.path, { size });
      },
      onWritten: (bytes) => this.#commit?.available(bytes),
    });
    await this.#transfer.run();
  }

  async #store(spool: Spool): Promise<void> {
    const { target, key, sources } = this.#options;
    const { stored } = await sources.owner();
    await target.blobs.commit(stored, key.digest, spool.path, this.#commit);
    this.#linked.add(stored);
    await this.#linkConfirmed();
  }

  async #linkConfirmed(): Promise<void> {
    const { target, key, sources } = this.#options;
    for (const repository of sources.confirmed) {
      if (this.#linked.has(repository)) continue;
      await target.blobs.link(repository, key.digest);
      this.#linked.add(repository);
    }
  }

  async #fail(spool: Spool, err: unknown): Promise<void> {
    const { spools, key, events } = this.#options;
    const error = err instanceof Error ? err : new Error(String(err));
    const event = { ...this.#event(), bytes: spool.written, reason: error.message };
    const outOfSpace = isOutOfSpace(err);
    const canReadersContinue = outOfSpace || err instanceof FillYieldedError;
    spool.fail(canReadersContinue ? new SpoolStoppedError(error.message, { cause: err }) : error);
    this.#rejectOpened(err);
    void this.#commit?.abort(); // without waiting for a storage that may be unavailable
    const isKept = spool.written > 0 && (this.#stopped.signal.aborted || isWorthKeeping(err));
    if (!isKept) await spools.discard(key).catch(() => {}); // it stays on disk: the fill that resumes it verifies it
    if (outOfSpace || err instanceof DigestMismatchError) events.fillDiscarded(event);
    else events.fillFailed(event);
  }

  #event(): FillEvent {
    const { blob, stored } = this.#options.sources.current;
    return { upstream: blob.upstream.name, repository: blob.repository, stored, digest: blob.digest };
  }
}
