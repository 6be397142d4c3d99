import { createHash } from 'node:crypto';

import type { Clock } from '../clock/clock.ts';
import { digestAlgorithm } from '../oci/digest.ts';
import type { ByteRange } from '../oci/range.ts';
import type { ByteSource, ReadOptions } from '../stream/byte-source.ts';
import { type Spool, SpoolStoppedError } from '../stream/spool.ts';
import { verifyDigest } from '../stream/verify-digest.ts';
import { downloadBlob, isWhole, type RemoteBlob } from './blob-download.ts';
import { RemoteRanges } from './remote-ranges.ts';

/** A range that starts this many bytes ahead of a fill is fetched separately. About a second of a slow connection. */
const NEARLY_THERE_BYTES = 4 * 1024 * 1024;
/** Requests of one client for ranges in parallel to the fill; later ranges wait for the fill. */
const MAX_PARALLEL_REQUESTS = 8;

export interface FollowedBlobOptions {
  /** The blob in the client's repository, for ranges in parallel to the fill. */
  readonly blob: RemoteBlob;
  readonly spool: Spool;
  /** Size of the blob in bytes. */
  readonly size: number;
  readonly clock: Clock;
  readonly onClosed: () => void;
  /** Always waits for the fill, and requests nothing in parallel. */
  readonly isPatient: boolean;
}

/** One client's view of a blob that is being filled. */
export class FollowedBlob implements ByteSource {
  readonly size: number;
  readonly #options: FollowedBlobOptions;
  readonly #ranges: RemoteRanges;
  #closed = false;

  constructor(options: FollowedBlobOptions) {
    this.#options = options;
    this.size = options.size;
    this.#ranges = new RemoteRanges(options);
    options.spool.retain();
  }

  async *read(range: ByteRange, options: ReadOptions = {}): AsyncGenerator<Uint8Array> {
    if (this.#isReadInParallel(range)) {
      yield* this.#ranges.read(range, options.signal);
      return;
    }
    let position = range.start;
    try {
      for await (const chunk of this.#options.spool.read(range, options)) {
        position += chunk.length;
        yield chunk;
      }
    } catch (err) {
      if (!(err instanceof SpoolStoppedError)) throw err;
      yield* this.#rest({ start: position, end: range.end }, isWhole(range, this.size), options);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#ranges.close();
    this.#options.onClosed();
    await this.#options.spool.release();
  }

  #isReadInParallel(range: ByteRange): boolean {
    const { spool, isPatient } = this.#options;
    if (isPatient || spool.sealed || range.start <= spool.written + NEARLY_THERE_BYTES) return false;
    return this.#ranges.isNear(range) || this.#ranges.requests < MAX_PARALLEL_REQUESTS;
  }

  /** The spool ended before the blob: this client continues alone, and its bytes are verified like those of the fill. */
  async *#rest(range: ByteRange, verify: boolean, { signal }: ReadOptions): AsyncGenerator<Uint8Array> {
    const { blob, clock } = this.#options;
    const { digest } = blob;
    if (!verify) {
      yield* this.#ranges.read(range, signal);
      return;
    }
    const rest = downloadBlob(blob, { ...range, size: this.size, clock, ...(signal && { signal }) });
    const hash = createHash(digestAlgorithm(digest));
    await this.#options.spool.hashInto(hash, range.start);
    yield* verifyDigest(rest, { digest, hash, length: range.end - range.start });
  }
}
