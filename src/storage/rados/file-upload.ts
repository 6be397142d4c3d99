import { type FileHandle, open } from 'node:fs/promises';

import type { PartBuffers } from '../objects/part-buffers.ts';
import { MAX_CHUNKS_AT_ONCE, type RadosBlobs, sizeStep } from './blobs.ts';

export interface FileUploadOptions {
  readonly blobs: RadosBlobs;
  readonly buffers: PartBuffers;
  readonly id: string;
  readonly localFile: string;
  /** Bytes of the finished file. */
  readonly size: number;
}

/** Writes a local file as a new blob while it grows, some chunks at a time. */
export class FileUpload {
  readonly #options: FileUploadOptions;
  readonly #chunkCount: number;
  readonly #writing = new Set<Promise<void>>();
  #file: Promise<FileHandle> | undefined;
  #available = 0;
  #next = 0;
  #isEnded = false;
  #error: Error | undefined;

  constructor(options: FileUploadOptions) {
    this.#options = options;
    this.#chunkCount = Math.max(1, Math.ceil(options.size / options.blobs.chunkBytes));
  }

  /** The file now has this many bytes. Never fails: {@link finish} reports errors. */
  available(bytes: number): void {
    this.#available = bytes;
    this.#startMore();
  }

  /** Resolves when all chunks are written. Rejects with the first error, and removes the chunks. */
  async finish(): Promise<void> {
    try {
      while (this.#writing.size > 0) await Promise.all(this.#writing);
      if (this.#error !== undefined) throw this.#error;
      if (this.#next < this.#chunkCount) throw new Error(`the local file has only ${this.#available} bytes`);
    } catch (err) {
      await this.abort();
      throw err;
    }
    await this.#end();
  }

  /** Removes the chunks. Never fails. */
  async abort(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    while (this.#writing.size > 0) await Promise.all(this.#writing);
    await this.#end();
    await this.#options.blobs.removeChunks(this.#options.id, Math.max(1, this.#next)).catch(() => {});
  }

  /** Chunks that are complete, and the last one. */
  #startMore(): void {
    while (this.#mayStart()) {
      const writing: Promise<void> = this.#write(this.#next++)
        .catch((err: unknown) => {
          this.#error ??= err instanceof Error ? err : new Error(String(err));
        })
        .finally(() => {
          this.#writing.delete(writing);
          this.#startMore();
        });
      this.#writing.add(writing);
    }
  }

  #mayStart(): boolean {
    const isPossible = this.#next < this.#chunkCount && this.#endOf(this.#next) <= this.#available;
    return isPossible && this.#writing.size < MAX_CHUNKS_AT_ONCE && this.#error === undefined && !this.#isEnded;
  }

  #endOf(index: number): number {
    return Math.min((index + 1) * this.#options.blobs.chunkBytes, this.#options.size);
  }

  async #write(index: number): Promise<void> {
    const { blobs, buffers, id, size } = this.#options;
    const start = index * blobs.chunkBytes;
    await buffers.use(this.#endOf(index) - start, async (bytes) => {
      await this.#read(bytes, start);
      await blobs.writeChunk(id, index, bytes, index === 0 ? [sizeStep(size)] : []);
    });
  }

  async #read(bytes: Buffer, position: number): Promise<void> {
    const file = await (this.#file ??= open(this.#options.localFile, 'r'));
    for (let filled = 0; filled < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, position + filled);
      if (bytesRead === 0) throw new Error(`the local file ends at ${position + filled}`);
      filled += bytesRead;
    }
  }

  async #end(): Promise<void> {
    this.#isEnded = true;
    await (await this.#file?.catch(() => undefined))?.close();
    this.#file = undefined;
  }
}
