import { createHash } from 'node:crypto';

import { digestAlgorithm } from '../oci/digest.ts';
import type { ByteRange } from '../oci/range.ts';
import type { ByteSource, ReadOptions } from '../stream/byte-source.ts';
import { type Spool, SpoolStoppedError } from '../stream/spool.ts';
import { verified } from '../stream/verified.ts';
import { downloadBlob, isWhole, type RemoteBlob } from './blob-download.ts';

/** A range that begins this far ahead of a fill is not waited for. Bytes; about a second of a slow line. */
const NEARLY_THERE_BYTES = 4 * 1024 * 1024;

export interface FollowedBlobOptions {
  readonly blob: RemoteBlob;
  readonly spool: Spool;
  /** Bytes of the whole. */
  readonly size: number;
  readonly onReaders: (change: 1 | -1) => void;
  /** Waits for the fill however far it has to go, instead of asking the upstream beside it. */
  readonly isPatient: boolean;
}

/** A blob that is being filled, as one client reads it. */
export class FollowedBlob implements ByteSource {
  readonly size: number;
  readonly #options: FollowedBlobOptions;
  #closed = false;

  constructor(options: FollowedBlobOptions) {
    this.#options = options;
    this.size = options.size;
    options.spool.retain();
    options.onReaders(1);
  }

  async *read(range: ByteRange, options: ReadOptions = {}): AsyncGenerator<Uint8Array> {
    const { spool, isPatient } = this.#options;
    if (!isPatient && range.start > spool.written + NEARLY_THERE_BYTES && !spool.sealed) {
      yield* this.#fromUpstream(range, options);
      return;
    }
    let position = range.start;
    try {
      for await (const chunk of spool.read(range, options)) {
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
    this.#options.onReaders(-1);
    await this.#options.spool.release();
  }

  /** The spool has ended before the blob has: this client goes on alone, and its bytes are verified as the fill's would have been. */
  async *#rest(range: ByteRange, verify: boolean, options: ReadOptions): AsyncGenerator<Uint8Array> {
    const rest = this.#fromUpstream(range, options);
    if (!verify) {
      yield* rest;
      return;
    }
    const { digest } = this.#options.blob;
    const hash = createHash(digestAlgorithm(digest));
    await this.#options.spool.hashInto(hash, range.start);
    yield* verified(rest, { digest, hash });
  }

  #fromUpstream(range: ByteRange, { signal }: ReadOptions): AsyncGenerator<Uint8Array> {
    return downloadBlob(this.#options.blob, { ...range, size: this.size, ...(signal && { signal }) });
  }
}
