import { createHash } from 'node:crypto';

import { digestAlgorithm } from '../oci/digest.ts';
import type { ByteRange } from '../oci/range.ts';
import type { ByteSource, ReadOptions } from '../stream/byte-source.ts';
import { type Spool, SpoolStoppedError } from '../stream/spool.ts';
import { verifyDigest } from '../stream/verify-digest.ts';
import { downloadBlob, isWhole, type RemoteBlob } from './blob-download.ts';
import { RemoteRanges } from './remote-ranges.ts';

/** A range that begins this far ahead of a fill is not waited for. Bytes; about a second of a slow line. */
const NEARLY_THERE_BYTES = 4 * 1024 * 1024;
/** Requests for ranges beside the fill, for one client; later ranges wait for the fill. */
const MAX_REQUESTS_BESIDE = 8;

export interface FollowedBlobOptions {
  /** As the client's own repository has it, for what is fetched beside the fill. */
  readonly blob: RemoteBlob;
  readonly spool: Spool;
  /** Bytes of the whole. */
  readonly size: number;
  readonly onClosed: () => void;
  /** Waits for the fill however far it has to go, instead of asking the upstream beside it. */
  readonly isPatient: boolean;
}

/** A blob that is being filled, as one client reads it. */
export class FollowedBlob implements ByteSource {
  readonly size: number;
  readonly #options: FollowedBlobOptions;
  readonly #ranges: RemoteRanges;
  #closed = false;

  constructor(options: FollowedBlobOptions) {
    this.#options = options;
    this.size = options.size;
    this.#ranges = new RemoteRanges(options.blob, options.size);
    options.spool.retain();
  }

  async *read(range: ByteRange, options: ReadOptions = {}): AsyncGenerator<Uint8Array> {
    if (this.#isReadBeside(range)) {
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

  #isReadBeside(range: ByteRange): boolean {
    const { spool, isPatient } = this.#options;
    if (isPatient || spool.sealed || range.start <= spool.written + NEARLY_THERE_BYTES) return false;
    return this.#ranges.isNear(range) || this.#ranges.requests < MAX_REQUESTS_BESIDE;
  }

  /** The spool has ended before the blob has: this client goes on alone, and its bytes are verified as the fill's would have been. */
  async *#rest(range: ByteRange, verify: boolean, { signal }: ReadOptions): AsyncGenerator<Uint8Array> {
    const { digest } = this.#options.blob;
    if (!verify) {
      yield* this.#ranges.read(range, signal);
      return;
    }
    const rest = downloadBlob(this.#options.blob, { ...range, size: this.size, ...(signal && { signal }) });
    const hash = createHash(digestAlgorithm(digest));
    await this.#options.spool.hashInto(hash, range.start);
    yield* verifyDigest(rest, { digest, hash });
  }
}
