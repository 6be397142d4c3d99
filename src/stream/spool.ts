import type { Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

import type { BufferPool } from './buffer-pool.ts';
import type { ByteRange, ReadOptions } from './byte-source.ts';
import { Progress } from './progress.ts';

/** The spool takes no more bytes, though what it has is good: readers go on elsewhere from where they are. */
export class SpoolStoppedError extends Error {
  override readonly name = 'SpoolStoppedError';
}

/**
 * A file that grows while others read it, each at its own pace.
 *
 * The last byte is held back until {@link seal} says that all of them are right, so no reader ever completes
 * with wrong bytes. The file is closed when its writer and every reader have let go.
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

  /** Creates the file, or opens what an earlier fill left behind. The opener is its first holder. */
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

  /** Its readers do not all get what they want. */
  get failed(): boolean {
    return this.#error !== undefined;
  }

  /** Bytes the whole will have. */
  expect(size: number): void {
    this.#size = size;
  }

  /** Adds all of `chunk` to the end, or nothing; readers see it when this resolves. */
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

  /** Feeds what is on disk, up to `end`, to a hash. */
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

  /** Forgets every byte, to start anew; only while nobody reads. */
  async reset(): Promise<void> {
    await this.#file.truncate(0);
    this.#written = 0;
  }

  /** All bytes are there and right. */
  seal(): void {
    this.#sealed = true;
    this.#size = this.#written;
    this.#progress.announce();
  }

  /** Ends every reader that has not got its bytes with `error`. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#progress.announce();
  }

  /**
   * The bytes of a range as they come; waits for those that are not there yet. The caller holds the spool meanwhile.
   *
   * @throws what {@link fail} was given, {@link SpoolStoppedError} included, once the bytes before it are read
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
        lease.give(buffer); // while it waits for bytes a reader costs no memory
      }
    } finally {
      lease.end();
    }
  }

  retain(): void {
    this.#holders++;
  }

  /** Every holder calls it once; the last one closes the file. */
  async release(): Promise<void> {
    if (--this.#holders === 0) await this.#file.close();
  }

  async #readInto(buffer: Buffer, position: number, length: number): Promise<Uint8Array> {
    const { bytesRead } = await this.#file.read(buffer, 0, length, position);
    if (bytesRead === 0) throw new Error(`spool ended at ${position}, before what was written to it`);
    return buffer.subarray(0, bytesRead);
  }

  /** Bytes from the start that may be shown. */
  #readable(): number {
    if (this.#sealed) return this.#written;
    return Math.min(this.#written, (this.#size ?? 0) - 1);
  }
}
