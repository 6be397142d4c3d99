import type { ByteRange } from '../oci/range.ts';

export type { ByteRange };

/** Bytes of known size that can be read from any position, several times. The code that opened a source closes it. */
export interface ByteSource {
  /** Bytes. */
  readonly size: number;

  /**
   * The bytes from `start` to `end` (exclusive), in order.
   *
   * A chunk is valid only until the next one is requested, because its buffer is reused. The iteration either yields all
   * bytes or fails.
   */
  read(range: ByteRange, options?: ReadOptions): AsyncIterable<Uint8Array>;

  /** Running reads fail. Can be called more than once. */
  close(): Promise<void>;
}

/** Options of {@link ByteSource.read}. */
export interface ReadOptions {
  readonly signal?: AbortSignal;
}

/** @throws {RangeError} when the range is not within `size` bytes: a bug of the caller */
export function checkRange({ start, end }: ByteRange, size: number): void {
  const ok = Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= size;
  if (!ok) throw new RangeError(`bytes ${start} to ${end} of ${size} cannot be read`);
}

/** Bytes in memory. */
export class MemorySource implements ByteSource {
  readonly #bytes: Uint8Array;
  #closed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  /** Without a copy, and without waiting. */
  slice({ start, end }: ByteRange): Uint8Array {
    return this.#bytes.subarray(start, end);
  }

  async *read({ start, end }: ByteRange, { signal }: ReadOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    checkRange({ start, end }, this.size);
    signal?.throwIfAborted();
    if (this.#closed) throw new Error('source has been closed');
    if (start < end) yield this.#bytes.subarray(start, end);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }
}
