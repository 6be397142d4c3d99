import { type FileHandle, open } from 'node:fs/promises';

import type { PartBuffers } from '../objects/part-buffers.ts';
import type { GcsBucket } from './bucket.ts';
import { ResumableUpload } from './resumable-upload.ts';

export interface FileUploadOptions {
  readonly bucket: GcsBucket;
  readonly name: string;
  readonly localFile: string;
  /** Bytes of the finished file; more than one chunk. */
  readonly size: number;
  readonly chunkBytes: number;
  readonly buffers: PartBuffers;
}

/** Sends a local file in chunks while it grows. Nothing is visible before {@link finish}. */
export class FileUpload {
  readonly #options: FileUploadOptions;
  readonly #upload: ResumableUpload;
  #file: Promise<FileHandle> | undefined;
  #available = 0;
  #sending: Promise<void> | undefined;
  #isEnded = false;
  #error: Error | undefined;

  constructor(options: FileUploadOptions) {
    this.#options = options;
    this.#upload = new ResumableUpload(options);
  }

  /** The file now has this many bytes. Never fails: {@link finish} reports errors. */
  available(bytes: number): void {
    this.#available = bytes;
    this.#sendMore();
  }

  /** Makes the object visible as a whole. Rejects with the first error; nothing is visible then. */
  async finish(): Promise<void> {
    const { size } = this.#options;
    try {
      while (this.#sending) await this.#sending;
      if (this.#error) throw this.#error;
      if (this.#available !== size) throw new Error(`the local file has only ${this.#available} bytes`);
      await this.#withBytes(size - this.#upload.position, (bytes) => this.#upload.finish(bytes));
    } catch (err) {
      await this.abort();
      throw err;
    }
    await this.#end();
  }

  /** Never fails. */
  async abort(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    await this.#sending;
    await this.#upload.abort();
    await this.#end();
  }

  /** All chunks but the last one, one after the other. */
  #sendMore(): void {
    const { chunkBytes, size } = this.#options;
    const end = this.#upload.position + chunkBytes;
    const isPossible = end <= this.#available && end < size && this.#error === undefined && !this.#isEnded;
    if (this.#sending || !isPossible) return;
    this.#sending = this.#withBytes(chunkBytes, (bytes) => this.#upload.send(bytes))
      .catch((err: unknown) => {
        this.#error ??= err instanceof Error ? err : new Error(String(err));
      })
      .finally(() => {
        this.#sending = undefined;
        this.#sendMore();
      });
  }

  async #withBytes<T>(length: number, work: (bytes: Buffer) => Promise<T>): Promise<T> {
    const file = await (this.#file ??= open(this.#options.localFile, 'r'));
    return await this.#options.buffers.use(length, async (bytes) => {
      await readFully(file, bytes, this.#upload.position);
      return await work(bytes);
    });
  }

  async #end(): Promise<void> {
    this.#isEnded = true;
    await (await this.#file?.catch(() => undefined))?.close();
    this.#file = undefined;
  }
}

async function readFully(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let filled = 0; filled < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, position + filled);
    if (bytesRead === 0) throw new Error(`the local file ends at ${position + filled}`);
    filled += bytesRead;
  }
}
