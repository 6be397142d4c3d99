import type { Readable } from 'node:stream';

/** Bytes in order, which are read into memory of the reader. */
export interface ByteReader {
  /**
   * Fills the front of `into`, which is not empty, with at least one byte. One read at a time.
   *
   * @returns the number of bytes; 0 at the end
   */
  read(into: Uint8Array): Promise<number>;
  /** Ends the transfer; a pending read rejects. Can be called again. */
  close(): void;
}

const NOTHING = new Uint8Array(0);
/** Buffer for bytes that are only counted. */
const COUNTED_BYTES = 64 * 1024;

/** Reads an iteration of chunks. Each is copied before the next one is requested. */
export class ChunkReader implements ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #end: () => void;
  #left: Uint8Array = NOTHING;
  #state: 'open' | 'ended' | 'closed' = 'open';

  /** @param end ends the source, so that a pending iteration rejects; called once, also when the iteration has ended */
  constructor(chunks: AsyncIterable<Uint8Array>, end: () => void) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#end = end;
  }

  /** Destroys the stream when it is closed. */
  static of(stream: Readable): ChunkReader {
    // A failure between two reads is that of the next read.
    stream.on('error', () => undefined);
    return new ChunkReader(stream, () => stream.destroy());
  }

  async read(into: Uint8Array): Promise<number> {
    while (this.#left.length === 0 && this.#state !== 'ended') await this.#advance();
    const length = Math.min(into.length, this.#left.length);
    into.set(this.#left.subarray(0, length));
    this.#left = this.#left.subarray(length);
    return length;
  }

  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closed';
    this.#left = NOTHING;
    this.#end();
    void this.#chunks.return?.()?.catch(() => undefined);
  }

  async #advance(): Promise<void> {
    try {
      const next = await this.#chunks.next();
      if (this.#state !== 'open') throw new Error('the body has been closed');
      if (next.done !== true) this.#left = next.value;
      else this.#finish();
    } catch (err) {
      this.close();
      throw err;
    }
  }

  #finish(): void {
    this.#state = 'ended';
    this.#end();
  }
}

/**
 * The bytes of a reader as chunks, each of them valid only until the next one is requested. Closes the reader when the iteration ends.
 *
 * @param buffer memory of all chunks
 */
export async function* chunksOf(reader: ByteReader, buffer: Uint8Array): AsyncGenerator<Uint8Array> {
  try {
    for (let length = await reader.read(buffer); length > 0; length = await reader.read(buffer)) {
      yield buffer.subarray(0, length);
    }
  } finally {
    reader.close();
  }
}

/** Reads to the end. @returns the number of bytes */
export async function countBytes(reader: ByteReader): Promise<number> {
  let size = 0;
  for await (const chunk of chunksOf(reader, Buffer.allocUnsafe(COUNTED_BYTES))) size += chunk.length;
  return size;
}
