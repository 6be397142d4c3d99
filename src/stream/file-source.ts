import type { FileHandle } from 'node:fs/promises';

import type { BufferLease, BufferPool } from './buffer-pool.ts';
import { type ByteRange, type ByteSource, checkRange, type ReadOptions } from './byte-source.ts';

export interface FileSourceOptions {
  /** The source closes it. */
  readonly file: FileHandle;
  /** Size when the file was opened. Bytes. */
  readonly size: number;
  readonly buffers: BufferPool;
  /** Used in errors. */
  readonly path: string;
}

/**
 * An open file that does not change. While the consumer processes a chunk, the next one is already being read.
 * A file that is shorter than `size` is an error.
 */
export class FileSource implements ByteSource {
  readonly #options: FileSourceOptions;
  readonly #reads = new Set<Promise<void>>();
  #closed: Promise<void> | undefined;

  constructor(options: FileSourceOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#options.size;
  }

  async *read(range: ByteRange, { signal }: ReadOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    checkRange(range, this.size);
    this.#assertUsable(signal);
    const lease = this.#options.buffers.lease();
    let current: ChunkRead | undefined;
    let ahead: ChunkRead | undefined;
    try {
      current = this.#start(lease, range);
      while (current) {
        await current.done;
        this.#assertUsable(signal);
        const rest: ByteRange = { start: current.end, end: range.end };
        ahead = this.#start(lease, rest);
        yield current.bytes;
        this.#assertUsable(signal);
        lease.give(current.buffer);
        current = ahead ?? this.#start(lease, rest);
      }
    } finally {
      await endLease(lease, [current, ahead]);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#reads);
    await this.#options.file.close();
  }

  /** @returns undefined at the end, or when there is no buffer for reading ahead */
  #start(lease: BufferLease, { start, end }: ByteRange): ChunkRead | undefined {
    const buffer = start < end ? lease.take(end - start) : undefined;
    if (!buffer) return undefined;
    const bytes = buffer.subarray(0, Math.min(buffer.length, end - start));
    const done = this.#fill(bytes, start);
    this.#reads.add(done);
    // Also handles the rejection of a read ahead whose chunk is never requested.
    const settled = () => void this.#reads.delete(done);
    done.then(settled, settled);
    return { buffer, bytes, end: start + bytes.length, done };
  }

  async #fill(bytes: Buffer, position: number): Promise<void> {
    const { file, path, size, buffers } = this.#options;
    for (let filled = 0; filled < bytes.length; ) {
      const read = () => file.read(bytes, filled, bytes.length - filled, position + filled);
      const { bytesRead } = await buffers.read(read);
      if (bytesRead === 0) throw new Error(`${path} is shorter than the ${size} bytes it had when it was opened`);
      filled += bytesRead;
    }
  }

  #assertUsable(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    if (this.#closed) throw new Error(`${this.#options.path} has been closed`);
  }
}

interface ChunkRead {
  readonly buffer: Buffer;
  /** The part of the buffer that is read into. */
  readonly bytes: Buffer;
  /** Position of the first byte after it. */
  readonly end: number;
  readonly done: Promise<void>;
}

/** A buffer goes back to the pool only when the kernel no longer writes into it. */
async function endLease(lease: BufferLease, reads: readonly (ChunkRead | undefined)[]): Promise<void> {
  await Promise.allSettled(reads.flatMap((read) => (read ? [read.done] : [])));
  lease.end();
}
