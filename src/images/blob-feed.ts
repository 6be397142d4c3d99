import { createHash, type Hash } from 'node:crypto';

import type { Descriptor } from '../oci/descriptor.ts';
import { digestAlgorithm, digestFromHash } from '../oci/digest.ts';
import { ImageError } from './image-error.ts';
import type { ImageSource } from './image-source.ts';

export interface BlobFeedOptions {
  readonly source: Pick<ImageSource, 'blob' | 'name' | 'repository' | 'areChunksStable'>;
  readonly descriptor: Descriptor;
  readonly signal: AbortSignal;
  /** The destination compares the bytes with the digest. @default false */
  readonly isVerifiedThere?: boolean;
  /** Called with the position that the copy has reached. Bytes. */
  readonly onPosition: (position: number) => void;
}

/**
 * The bytes of one blob that is copied. Each byte is hashed once, also when it is sent again. The last chunk is passed on only when the
 * digest matches.
 */
export class BlobFeed {
  readonly descriptor: Descriptor;
  readonly signal: AbortSignal;
  readonly #options: BlobFeedOptions;
  #hash: Hash;
  #hashed = 0;
  #absorbed = 0;

  constructor(options: BlobFeedOptions) {
    this.descriptor = options.descriptor;
    this.signal = options.signal;
    this.#options = options;
    this.#hash = createHash(digestAlgorithm(options.descriptor.digest));
  }

  /** Bytes from an earlier run. */
  get absorbed(): number {
    return this.#absorbed;
  }

  get source(): BlobFeedOptions['source'] {
    return this.#options.source;
  }

  /** Hashes bytes that the destination has from an earlier run, instead of sending them. */
  async absorb(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of chunks) {
      this.signal.throwIfAborted();
      this.#take(chunk, this.#hashed);
    }
    this.#absorbed = this.#hashed;
    this.#options.onPosition(this.#hashed);
  }

  /** Starts again from the first byte. */
  restart(): void {
    this.#hash = createHash(digestAlgorithm(this.descriptor.digest));
    this.#hashed = 0;
    this.#absorbed = 0;
  }

  /**
   * The bytes from `start`, which is at most the position where an earlier read ended.
   *
   * @throws {ImageError} instead of the last chunk when the digest does not match; and the errors of the source
   */
  async *open(start: number): AsyncGenerator<Uint8Array> {
    const { source, signal, onPosition } = this.#options;
    const { size } = this.descriptor;
    let position = start;
    if (size > position) {
      for await (const chunk of source.blob(this.descriptor, { start, signal })) {
        if (position + chunk.length > size) throw this.#wrong(`has more than its ${size} bytes`);
        this.#take(chunk, position);
        position += chunk.length;
        onPosition(position);
        if (position === size) this.#check();
        yield chunk;
      }
    }
    if (position < size) throw this.#wrong(`ends after ${position} of ${size} bytes`);
    if (size === start) this.#check();
  }

  #take(chunk: Uint8Array, position: number): void {
    const seen = Math.max(0, this.#hashed - position);
    if (seen >= chunk.length) return;
    if (this.#options.isVerifiedThere) return;
    this.#hash.update(seen === 0 ? chunk : chunk.subarray(seen));
    this.#hashed += chunk.length - seen;
  }

  #check(): void {
    if (this.#options.isVerifiedThere) return;
    const { digest } = this.descriptor;
    const actual = digestFromHash(this.#hash.copy(), digestAlgorithm(digest));
    if (actual !== digest) throw this.#wrong(`is damaged: its bytes are ${actual}`);
  }

  #wrong(reason: string): DamagedBlobError {
    return new DamagedBlobError(`${this.#options.source.name}: ${this.descriptor.digest} ${reason}`);
  }
}

/** The bytes do not match the digest. */
export class DamagedBlobError extends ImageError {}
