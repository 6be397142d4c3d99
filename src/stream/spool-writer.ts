import type { FileHandle } from 'node:fs/promises';

import type { BufferPool } from './buffer-pool.ts';
import { Progress } from './progress.ts';
import { type BytesView, SpoolWindow } from './spool-window.ts';

export interface SpoolWriterOptions {
  /** Opened for appending. */
  readonly file: FileHandle;
  /** Bytes in the file. */
  readonly written: number;
  readonly buffers: BufferPool;
  /** Called with the number of bytes that were added to the file. */
  readonly onWritten: (bytes: number) => void;
  /** Called once, when a write has failed. */
  readonly onFailed: () => void;
}

/** Appends bytes to a file that are received into its memory. Those that arrive during one write go to disk in the next one. */
export class SpoolWriter {
  readonly #options: SpoolWriterOptions;
  readonly #window: SpoolWindow;
  readonly #progress = new Progress();
  /** Bytes in the file. */
  #written: number;
  /** Resolves when everything received is written. Never rejects. */
  #writing: Promise<void> | undefined;
  #error: Error | undefined;

  constructor(options: SpoolWriterOptions) {
    this.#options = options;
    this.#written = options.written;
    this.#window = new SpoolWindow(options.buffers, options.written);
  }

  /** Memory for the next bytes. @param size of the whole file, when known @throws the error of an earlier write */
  async memory(size: number | undefined): Promise<Uint8Array> {
    for (;;) {
      if (this.#error !== undefined) throw this.#error;
      const free = this.#window.free(size);
      if (free) return free;
      await this.#progress.next();
    }
  }

  /** @param bytes at least one */
  received(bytes: number): void {
    this.#window.received(bytes);
    if (this.#error === undefined) this.#writing ??= this.#write();
  }

  /** @throws the error of a write */
  async flush(): Promise<void> {
    await this.#writing;
    if (this.#error !== undefined) throw this.#error;
  }

  /** Bytes from `start`, at most until `end`. @returns undefined when they are to be read from the file */
  view(start: number, end: number): BytesView | undefined {
    return this.#window.view(start, end);
  }

  /** Waits for a write in progress. */
  async end(): Promise<void> {
    await this.#writing;
    this.#window.end();
  }

  async #write(): Promise<void> {
    try {
      for (let parts = this.#window.unwritten(); parts.length > 0; parts = this.#window.unwritten()) {
        const { bytesWritten } = await this.#options.file.writev(parts);
        this.#wrote(bytesWritten);
      }
    } catch (err) {
      await this.#options.file.truncate(this.#written).catch(() => {}); // the fill that resumes the file verifies it
      this.#error = err as Error;
      this.#options.onFailed();
    }
    this.#writing = undefined;
    this.#progress.announce();
  }

  #wrote(bytes: number): void {
    this.#written += bytes;
    this.#window.written(bytes);
    this.#progress.announce();
    this.#options.onWritten(bytes);
  }
}
