import { createHash, type Hash } from 'node:crypto';

import type { Clock } from '../clock/clock.ts';
import { type Digest, digestAlgorithm, digestFromHash } from '../oci/digest.ts';
import type { Spool } from '../stream/spool.ts';
import { DigestMismatchError } from '../stream/verify-digest.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import { BlobDownload } from './blob-download.ts';
import { FillReservation } from './fill-reservation.ts';
import type { FillSources } from './fill-sources.ts';
import { TransferWatch } from './transfer-watch.ts';

export interface FillTransferOptions {
  readonly digest: Digest;
  readonly sources: FillSources;
  readonly spool: Spool;
  readonly signal: AbortSignal;
  /** A slower source counts as stalled. Bytes per second. */
  readonly minRate: number;
  readonly clock: Clock;
  /** @throws when a blob of `size` bytes can never be stored */
  readonly assertFits: (size: number) => void;
  /** @throws when there is no space for `bytes` bytes of the blob */
  readonly reserve: (bytes: number) => Promise<void>;
  readonly onResumed: (bytes: number) => void;
  /** The size is known; `space` settles when the first reservation has succeeded or failed. */
  readonly onOpened: (size: number, space: Promise<void>) => void;
  /** Called with the number of bytes in the spool. */
  readonly onWritten: (bytes: number) => void;
  /** Waits after received bytes. Absent without a limit. */
  readonly pace?: ((bytes: number) => Promise<void>) | undefined;
}

/** Fetches the bytes of a blob into its spool and verifies them. */
export class FillTransfer {
  readonly #options: FillTransferOptions;
  readonly #watch: TransferWatch;
  #reservation: FillReservation | undefined;
  /** Readers may have read from the spool. */
  #isOpen = false;

  constructor(options: FillTransferOptions) {
    const { sources, spool, minRate } = options;
    this.#options = options;
    this.#watch = new TransferWatch({ sources, written: () => spool.written, minRate });
  }

  /** Current bytes per second; for choosing among fills. */
  get rate(): number {
    return this.#watch.rate;
  }

  /** A source joined: the transfer changes to it when the current one is slow. */
  sourceJoined(): void {
    this.#watch.reconsider();
  }

  /** @throws {DigestMismatchError} · {UpstreamError} · when there is no space */
  async run(): Promise<void> {
    const { digest, spool, onResumed } = this.#options;
    const algorithm = digestAlgorithm(digest);
    const hash = createHash(algorithm);
    if (spool.written > 0) {
      onResumed(spool.written);
      await spool.hashInto(hash);
      if (digestFromHash(hash.copy(), algorithm) === digest) return;
    }
    const whole = await this.#watch.during(() => this.#download(hash));
    const actual = digestFromHash(whole, algorithm);
    if (actual !== digest) throw new DigestMismatchError(digest, actual);
  }

  /** @returns the hash over everything */
  async #download(hash: Hash): Promise<Hash> {
    const { digest, spool } = this.#options;
    const resumed = spool.written > 0;
    try {
      await this.#append(hash);
      return hash;
    } catch (err) {
      // The spool of an earlier fill is longer than the blob, so it has other bytes.
      const beyondTheEnd = err instanceof UpstreamError && err.options.status === 416;
      if (!resumed || !beyondTheEnd || this.#isOpen) throw err;
      await spool.reset();
      const fresh = createHash(digestAlgorithm(digest));
      await this.#append(fresh);
      return fresh;
    }
  }

  async #append(hash: Hash): Promise<void> {
    const { digest, sources, spool, signal, clock } = this.#options;
    const { repository } = sources.current.blob;
    const canResume = () => this.#watch.canResume;
    const onOpened = (size: number | undefined) => this.#opened(size);
    const download = new BlobDownload(
      { upstream: sources, repository, digest },
      { start: spool.written, signal, clock, onOpened, canResume },
    );
    spool.onWriteFailed(() => download.close());
    try {
      await this.#receive(download, hash);
    } catch (err) {
      download.close();
      await spool.flush(); // the received bytes may be worth keeping; a failed write is the reason for the error
      throw err;
    }
    await this.#reservation?.settled();
  }

  /** Hashes the bytes while they are written, and the next ones arrive. */
  async #receive(download: BlobDownload, hash: Hash): Promise<void> {
    const { spool, onWritten, pace } = this.#options;
    for (let received = spool.written; ; ) {
      const memory = await spool.memory();
      const length = await download.read(memory);
      if (length === 0) break;
      received += length;
      await this.#spaceFor().cover(received);
      spool.received(length);
      hash.update(memory.subarray(0, length));
      onWritten(spool.written);
      await pace?.(length);
    }
    await spool.flush();
    onWritten(spool.written);
  }

  #opened(size: number | undefined): void {
    this.#isOpen = true;
    this.#watch.opened();
    if (size === undefined) return; // readers wait until all bytes are there
    const { assertFits, reserve, spool, onOpened } = this.#options;
    const reserveWithin = async (bytes: number) => {
      assertFits(size);
      await reserve(bytes);
    };
    spool.expect(size);
    this.#reservation = new FillReservation({ reserve: reserveWithin, size });
    onOpened(size, this.#reservation.cover(spool.written));
  }

  /** Where the upstream did not announce a size, space is reserved without a bound. */
  #spaceFor(): FillReservation {
    this.#reservation ??= new FillReservation({ reserve: this.#options.reserve, size: Infinity });
    return this.#reservation;
  }
}
