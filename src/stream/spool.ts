import type { Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

import type { BufferPool } from './buffer-pool.ts';
import type { ByteRange, ReadOptions } from './byte-source.ts';
import { Progress } from './progress.ts';
import { readExactly, SharedReads } from './shared-reads.ts';
import { SpoolWriter } from './spool-writer.ts';

/** The spool gets no more bytes, but the bytes that it has are valid: readers continue from another source. */
export class SpoolStoppedError extends Error {
  override readonly name = 'SpoolStoppedError';
}

/**
 * A file that grows while several readers read it, each at its own pace.
 *
 * The writer receives bytes into memory of the spool: `received(await fill(await memory()))`. What arrives during one write goes to disk in
 * the next one. Readers get bytes that are on disk, from memory while they keep up and from the file otherwise. They get the last byte
 * only after {@link seal}, so that no reader completes with wrong bytes. The file is closed when the writer and all readers have released
 * it.
 */
export class Spool {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #buffers: BufferPool;
  readonly #reads: SharedReads;
  readonly #progress = new Progress();
  #written: number;
  #size: number | undefined;
  #sealed = false;
  #error: Error | undefined;
  #holders = 1;
  /** Absent before the first bytes and after the last ones. */
  #writer: SpoolWriter | undefined;
  #writerEnded: Promise<void> = Promise.resolve();
  #onWriteFailed: () => void = () => {};

  private constructor(path: string, file: FileHandle, written: number, buffers: BufferPool) {
    this.path = path;
    this.#file = file;
    this.#written = written;
    this.#buffers = buffers;
    this.#reads = new SharedReads(file, buffers);
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

  /** Sets what to call once when a write has failed, which the writer learns at its next call otherwise. */
  onWriteFailed(listener: () => void): void {
    this.#onWriteFailed = listener;
  }

  /**
   * Memory for the next bytes: the writer fills its front and calls {@link received}. Waits while the disk is behind.
   *
   * @throws the error of an earlier write
   */
  memory(): Promise<Uint8Array> {
    this.#writer ??= this.#createWriter();
    return this.#writer.memory(this.#size);
  }

  /** The front of the memory has the next `bytes` bytes, at least one. Does not wait until they are written. */
  received(bytes: number): void {
    this.#writer?.received(bytes);
  }

  /** Resolves when all received bytes are on disk. @throws the error of a write; the bytes before it stay */
  async flush(): Promise<void> {
    await this.#writer?.flush();
  }

  /** Updates a hash with the bytes on disk, up to `end`. */
  async hashInto(hash: Hash, end = this.#written): Promise<void> {
    const lease = this.#buffers.lease();
    try {
      const buffer = lease.take(end) as Buffer;
      for (let position = 0; position < end; ) {
        const chunk = await readExactly(this.#file, buffer.subarray(0, end - position), position);
        hash.update(chunk);
        position += chunk.length;
      }
    } finally {
      lease.end();
    }
  }

  /** Removes all bytes. Only while there are no readers. */
  async reset(): Promise<void> {
    await this.#endWriter();
    await this.#file.truncate(0);
    this.#written = 0;
  }

  /** Marks the file as complete and verified. */
  seal(): void {
    this.#sealed = true;
    this.#size = this.#written;
    this.#progress.announce();
    void this.#endWriter();
  }

  /** Fails all readers that need more bytes than there are. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#progress.announce();
    void this.#endWriter();
  }

  /**
   * The bytes of a range. Waits for those that are not written yet. The caller must hold the spool meanwhile.
   *
   * @throws the error given to {@link fail}, such as {@link SpoolStoppedError}, after the bytes that are available
   */
  async *read({ start, end }: ByteRange, { signal }: ReadOptions = {}): AsyncGenerator<Uint8Array> {
    for (let position = start; position < end; ) {
      const available = Math.min(this.#readable(), end);
      if (available <= position) {
        if (this.#error) throw this.#error;
        await this.#progress.next(signal);
        continue;
      }
      signal?.throwIfAborted();
      const view = this.#writer?.view(position, available) ?? (await this.#reads.view(position, available));
      try {
        position += view.bytes.length;
        yield view.bytes;
      } finally {
        view.release(); // a reader that waits uses no memory
      }
    }
  }

  /** Adds a holder. */
  retain(): void {
    this.#holders++;
  }

  /** Every holder calls it once; the last one closes the file. */
  async release(): Promise<void> {
    if (--this.#holders > 0) return;
    await this.#endWriter();
    await this.#file.close();
  }

  #createWriter(): SpoolWriter {
    return new SpoolWriter({
      file: this.#file,
      written: this.#written,
      buffers: this.#buffers,
      onWritten: (bytes) => {
        this.#written += bytes;
        this.#progress.announce();
      },
      onFailed: () => this.#onWriteFailed(),
    });
  }

  /** Resolves when nothing is written any more. */
  #endWriter(): Promise<void> {
    if (this.#writer) this.#writerEnded = this.#writer.end();
    this.#writer = undefined;
    return this.#writerEnded;
  }

  /** Number of bytes that readers may get. */
  #readable(): number {
    if (this.#sealed) return this.#written;
    return Math.min(this.#written, (this.#size ?? 0) - 1);
  }
}
