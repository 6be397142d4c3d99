import type { Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

import type { BufferPool } from './buffer-pool.ts';
import type { ByteRange, ReadOptions } from './byte-source.ts';
import { Progress } from './progress.ts';

/** The spool gets no more bytes, but the bytes that it has are valid: readers continue from another source. */
export class SpoolStoppedError extends Error {
  override readonly name = 'SpoolStoppedError';
}

/**
 * A file that grows while several readers read it, each at its own pace.
 *
 * Readers get the last byte only after {@link seal}, so that no reader completes with wrong bytes. The file is closed when
 * the writer and all readers have released it.
 */
export class Spool {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #buffers: BufferPool;
  readonly #progress = new Progress();
  #written: number;
  #size: number | undefined;
  #sealed = false;
  #error: Error | undefined;
  #holders = 1;

  private constructor(path: string, file: FileHandle, written: number, buffers: BufferPool) {
    this.path = path;
    this.#file = file;
    this.#written = written;
    this.#buffers = buffers;
  }

  /** Creates the file, or opens one that an earlier fill left. The caller is its first holder. */
  static async open(path: string, buffers: BufferPool): Promise<Spool> {
    const file = await open(path, 'a+');
    try {
      const { size } = await file.stat();
      return new Spool(path, file, size, buffers);
    } catch (err) {
      await file.close();
      throw err;
    }
  }

  /** Bytes on disk. */
  get written(): number {
    return this.#written;
  }

  get sealed(): boolean {
    return this.#sealed;
  }

  /** Whether reads beyond the written bytes fail. */
  get failed(): boolean {
    return this.#error !== undefined;
  }

  /** Sets the size of the complete file. Bytes. */
  expect(size: number): void {
    this.#size = size;
  }

  /** Appends all bytes of `chunk`, or none. Readers get them when this resolves. */
  async append(chunk: Uint8Array): Promise<void> {
    try {
      for (let offset = 0; offset < chunk.length; ) {
        const { bytesWritten } = await this.#file.write(chunk, offset, chunk.length - offset);
        offset += bytesWritten;
      }
    } catch (err) {
      await this.#file.truncate(this.#written);
      throw err;
    }
    this.#written += chunk.length;
    this.#progress.announce();
  }

  /** Updates a hash with the bytes on disk, up to `end`. */
  async hashInto(hash: Hash, end = this.#written): Promise<void> {
    const lease = this.#buffers.lease();
    try {
      const buffer = lease.take(end) as Buffer;
      for (let position = 0; position < end; ) {
        const chunk = await this.#readInto(buffer, position, Math.min(end - position, buffer.length));
        hash.update(chunk);
        position += chunk.length;
      }
    } finally {
      lease.end();
    }
  }

  /** Removes all bytes. Only while there are no readers. */
  async reset(): Promise<void> {
    await this.#file.truncate(0);
    this.#written = 0;
  }

  /** Marks the file as complete and verified. */
  seal(): void {
    this.#sealed = true;
    this.#size = this.#written;
    this.#progress.announce();
  }

  /** Fails all readers that need more bytes than there are. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#progress.announce();
  }

  /**
   * The bytes of a range. Waits for those that are not written yet. The caller must hold the spool meanwhile.
   *
   * @throws the error given to {@link fail}, such as {@link SpoolStoppedError}, after the bytes that are available
   */
  async *read({ start, end }: ByteRange, { signal }: ReadOptions = {}): AsyncGenerator<Uint8Array> {
    const lease = this.#buffers.lease();
    try {
      for (let position = start; position < end; ) {
        const available = Math.min(this.#readable(), end) - position;
        if (available <= 0) {
          if (this.#error) throw this.#error;
          await this.#progress.next(signal);
          continue;
        }
        signal?.throwIfAborted();
        const buffer = lease.take(available) as Buffer;
        const chunk = await this.#readInto(buffer, position, Math.min(available, buffer.length));
        position += chunk.length;
        yield chunk;
        lease.give(buffer); // a reader that waits uses no memory
      }
    } finally {
      lease.end();
    }
  }

  /** Adds a holder. */
  retain(): void {
    this.#holders++;
  }

  /** Every holder calls it once; the last one closes the file. */
  async release(): Promise<void> {
    if (--this.#holders === 0) await this.#file.close();
  }

  async #readInto(buffer: Buffer, position: number, length: number): Promise<Uint8Array> {
    const { bytesRead } = await this.#file.read(buffer, 0, length, position);
    if (bytesRead === 0) throw new Error(`the spool ends at ${position} of ${this.#written} bytes`);
    return buffer.subarray(0, bytesRead);
  }

  /** Number of bytes that readers may get. */
  #readable(): number {
    if (this.#sealed) return this.#written;
    return Math.min(this.#written, (this.#size ?? 0) - 1);
  }
}
