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

/** Positions in bytes; `end` is exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
}

/** Bytes already in memory. */
export class MemorySource implements ByteSource {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  async *read({ start, end }: ByteRange): AsyncIterable<Uint8Array> {
    yield this.#bytes.subarray(start, end);
  }

  async close(): Promise<void> {}
}
