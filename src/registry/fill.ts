import { createHash, type Hash } from 'node:crypto';

import { type Digest, digestAlgorithm, digestFromHash } from '../oci/digest.ts';
import type { ByteSource } from '../stream/byte-source.ts';
import { type Spool, SpoolStoppedError } from '../stream/spool.ts';
import { DigestMismatchError } from '../stream/verified.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import { downloadBlob, type RemoteBlob } from './blob-download.ts';
import { FollowedBlob } from './followed-blob.ts';
import { SpoolAreaFullError, type SpoolArea } from './spool-area.ts';

/** Where finished blobs go. */
export interface FillTarget {
  /** Takes the file over as the blob's bytes and links it to the repository. */
  commitBlob(repository: string, digest: Digest, localFile: string, started?: StartedCommit): Promise<void>;
  /** Begins while the file is still growing; undefined when nothing is gained by it. */
  startCommit?(digest: Digest, localFile: string, options: { readonly size: number }): StartedCommit | undefined;
  linkBlob(repository: string, digest: Digest): Promise<void>;
}

/** Bytes on their way to storage, where nobody sees them before the commit. */
export interface StartedCommit {
  /** The file has so many bytes. */
  available(bytes: number): void;
  finish(): Promise<void>;
  /** Never fails. Safe to call after {@link finish}. */
  abort(): Promise<void>;
}

export interface FillEvents {
  fillStarted(event: FillEvent): void;
  fillResumed(event: FillEvent & { readonly bytes: number }): void;
  fillCompleted(event: FillEvent & { readonly bytes: number; readonly durationMs: number }): void;
  fillFailed(event: FillEvent & { readonly bytes: number; readonly reason: string }): void;
  /** What was fetched is thrown away: its bytes are wrong, or there is no room for it. */
  fillDiscarded(event: FillEvent & { readonly bytes: number; readonly reason: string }): void;
  fillReaders(change: 1 | -1): void;
}

export interface FillEvent {
  readonly upstream: string;
  /** In the upstream's own words. */
  readonly repository: string;
  /** Its name in our storage. */
  readonly stored: string;
  readonly digest: string;
}

/** `no-room`: the disk is full. `over-limit`: it is not, but this blob would exceed our own limit. */
export type FillResult = 'completed' | 'failed' | 'no-room' | 'over-limit';

export interface FillOptions {
  readonly blob: RemoteBlob;
  /** Where the bytes come from, when that is not simply the upstream. @default blob */
  readonly source?: RemoteBlob;
  /** The name in our storage. */
  readonly storeRepository: string;
  readonly spools: SpoolArea;
  readonly target: FillTarget;
  readonly events: FillEvents;
  /** Aborts when the process ends; the spool stays. */
  readonly signal: AbortSignal;
}

/**
 * One fetch of a blob from upstream into storage. It belongs to the process, not to a request: it outlives its clients, and any number of them
 * follow it, each at its own pace.
 */
export class Fill {
  /** Bytes of the blob, once the upstream's headers are in. Rejects with the reason when the fill fails before. */
  readonly opened: Promise<number>;
  readonly #options: FillOptions;
  readonly #repositories: Set<string>;
  readonly #linked = new Set<string>();
  #spool: Spool | undefined;
  #started: StartedCommit | undefined;
  #ended = false;
  #resolveOpened: (size: number) => void = () => {};
  #rejectOpened: (reason: unknown) => void = () => {};

  constructor(options: FillOptions) {
    this.#options = options;
    this.#repositories = new Set([options.storeRepository]);
    this.opened = new Promise((resolve, reject) => {
      this.#resolveOpened = resolve;
      this.#rejectOpened = reject;
    });
    this.opened.catch(() => {}); // whoever waits for it has its own rejection
  }

  get digest(): Digest {
    return this.#options.blob.digest;
  }

  /** The repository gets the blob too, when it is there. */
  linkAlso(storeRepository: string): void {
    this.#repositories.add(storeRepository);
  }

  isFor(storeRepository: string): boolean {
    return this.#repositories.has(storeRepository);
  }

  /** Nobody can follow any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Reads along, once {@link opened} has resolved. @returns undefined when it has ended */
  follow(size: number, { isPatient = false } = {}): ByteSource | undefined {
    const spool = this.#spool;
    if (!spool || spool.failed || this.#ended) return undefined;
    const { blob, events } = this.#options;
    return new FollowedBlob({ blob, spool, size, isPatient, onReaders: (change) => events.fillReaders(change) });
  }

  /** Runs the fill to its end; never rejects. Called once. */
  async run(): Promise<FillResult> {
    const { spools, blob } = this.#options;
    try {
      const spool = await spools.open(blob.digest);
      this.#spool = spool;
      const result = await this.#fillInto(spool);
      // Before it has ended: the next fill of the digest, which may begin then, takes the same file.
      await spools.release(blob.digest);
      this.#ended = true;
      await spool.release();
      // Some joined while the others were being linked. If it does not succeed, their next pull does it.
      if (result === 'completed') await this.#linkOthers().catch(() => {});
      return result;
    } catch (err) {
      this.#rejectOpened(err); // the spool could not even be opened
      return failureOf(err);
    } finally {
      this.#ended = true;
    }
  }

  async #fillInto(spool: Spool): Promise<FillResult> {
    const { events } = this.#options;
    const startedAt = performance.now();
    try {
      events.fillStarted(this.#event());
      await this.#fetchAndVerify(spool);
      spool.seal();
      this.#resolveOpened(spool.written);
      await this.#commit(spool);
      const durationMs = performance.now() - startedAt;
      events.fillCompleted({ ...this.#event(), bytes: spool.written, durationMs });
      return 'completed';
    } catch (err) {
      await this.#fail(spool, err);
      return failureOf(err);
    }
  }

  async #fetchAndVerify(spool: Spool): Promise<void> {
    const { digest } = this.#options.blob;
    const algorithm = digestAlgorithm(digest);
    const hash = createHash(algorithm);
    if (spool.written > 0) {
      this.#options.events.fillResumed({ ...this.#event(), bytes: spool.written });
      await spool.hashInto(hash);
      if (digestFromHash(hash.copy(), algorithm) === digest) return;
    }
    const whole = await this.#download(spool, hash);
    const actual = digestFromHash(whole, algorithm);
    if (actual !== digest) throw new DigestMismatchError(digest, actual);
  }

  /** @returns the hash over everything */
  async #download(spool: Spool, hash: Hash): Promise<Hash> {
    const resumed = spool.written > 0;
    try {
      await this.#append(spool, hash);
      return hash;
    } catch (err) {
      // What an earlier fill left is longer than the blob, so it is not the blob's beginning.
      const beyondTheEnd = err instanceof UpstreamError && err.options.status === 416;
      if (!(resumed && beyondTheEnd)) throw err;
      await spool.reset();
      const fresh = createHash(digestAlgorithm(this.#options.blob.digest));
      await this.#append(spool, fresh);
      return fresh;
    }
  }

  async #append(spool: Spool, hash: Hash): Promise<void> {
    const { blob, source = blob, spools, signal } = this.#options;
    let reserved: Promise<void> | undefined;
    const onOpened = (size: number | undefined) => {
      if (size === undefined) return; // followers wait until all is there
      spool.expect(size);
      reserved = spools.reserve(blob.digest, size);
      reserved.then(() => this.#resolveOpened(size), this.#rejectOpened);
      this.#started ??= this.#options.target.startCommit?.(blob.digest, spool.path, { size });
    };
    for await (const chunk of downloadBlob(source, { start: spool.written, signal, onOpened })) {
      await reserved;
      const appended = spool.append(chunk);
      hash.update(chunk);
      await appended;
      this.#started?.available(spool.written);
    }
    await reserved;
  }

  async #commit(spool: Spool): Promise<void> {
    const { target, blob } = this.#options;
    const { storeRepository } = this.#options;
    await target.commitBlob(storeRepository, blob.digest, spool.path, this.#started);
    this.#linked.add(storeRepository);
    await this.#linkOthers();
  }

  async #linkOthers(): Promise<void> {
    const { target, blob } = this.#options;
    for (const repository of this.#repositories) {
      if (this.#linked.has(repository)) continue;
      await target.linkBlob(repository, blob.digest);
      this.#linked.add(repository);
    }
  }

  async #fail(spool: Spool, err: unknown): Promise<void> {
    const { spools, blob, events, signal } = this.#options;
    const reason = err instanceof Error ? err.message : String(err);
    const event = { ...this.#event(), bytes: spool.written, reason };
    const noRoom = isNoRoom(err);
    spool.fail(noRoom ? new SpoolStoppedError('no room', { cause: err }) : toError(err));
    this.#rejectOpened(err);
    void this.#started?.abort(); // nobody waits for a storage that may be gone
    const isGoodSoFar =
      signal.aborted || err instanceof UpstreamError || toError(err).name === 'StorageUnavailableError';
    const worthKeeping = spool.written > 0 && isGoodSoFar;
    if (!worthKeeping) await spools.discard(blob.digest);
    if (noRoom || err instanceof DigestMismatchError) events.fillDiscarded(event);
    else events.fillFailed(event);
  }

  #event(): FillEvent {
    const { blob, storeRepository } = this.#options;
    return {
      upstream: blob.upstream.name,
      repository: blob.repository,
      stored: storeRepository,
      digest: blob.digest,
    };
  }
}

/** The disk, a quota on it, or our own limit on spools. */
export function isNoRoom(err: unknown): boolean {
  if (err instanceof SpoolAreaFullError) return true;
  const { code, name } = err as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT' || name === 'StorageFullError';
}

function failureOf(err: unknown): FillResult {
  if (err instanceof SpoolAreaFullError) return 'over-limit';
  return isNoRoom(err) ? 'no-room' : 'failed';
}

function toError(err: unknown): Error {
  return err instanceof Error ? err : new Error(String(err));
}
