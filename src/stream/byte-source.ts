import type { ByteRange } from '../oci/range.ts';

export type { ByteRange };

/** Bytes of known length that can be read from any position, several times. Whoever opened one closes it. */
export interface ByteSource {
  /** Bytes. */
  readonly size: number;

  /**
   * The bytes from `start` up to but not including `end`, in order.
   *
   * A chunk is valid only until the next one is asked for: its buffer is used again.
   * An error, or a return before `end`, means the bytes cannot be had; there is no short success.
   */
  read(range: ByteRange, options?: ReadOptions): AsyncIterable<Uint8Array>;

  /** Safe to call more than once. Reads under way fail. */
  close(): Promise<void>;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
}

/** @throws {RangeError} when the range is not within `size` bytes, which is a bug of the caller. */
export function checkRange({ start, end }: ByteRange, size: number): void {
  const ok = Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= size;
  if (!ok) throw new RangeError(`bytes ${start} to ${end} of ${size} can not be read`);
}

/** Bytes already in memory. */
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
