import { type FileHandle, open } from 'node:fs/promises';

import { BlockUpload, type BlockUploadOptions, finishShared } from './block-upload.ts';

/** The store's limit. */
const MAX_BLOCKS = 50_000;

export interface FileUploadOptions extends BlockUploadOptions {
  readonly localFile: string;
  /** Bytes of the finished file; more than one block. */
  readonly size: number;
  readonly blockBytes: number;
}

/** Sends a local file in blocks while it grows. Nothing is visible before {@link finish}. */
export class FileUpload {
  readonly #options: FileUploadOptions;
  readonly #upload: BlockUpload;
  readonly #blockBytes: number;
  #file: Promise<FileHandle> | undefined;
  #available = 0;
  #adding: Promise<void> | undefined;
  #isEnded = false;
  #error: Error | undefined;

  constructor(options: FileUploadOptions) {
    this.#options = options;
    this.#upload = new BlockUpload(options);
    this.#blockBytes = Math.max(options.blockBytes, Math.ceil(options.size / MAX_BLOCKS));
  }

  /** The file now has this many bytes. Never fails: {@link finish} reports errors. */
  available(bytes: number): void {
    this.#available = bytes;
    this.#addMore();
  }

  /** Makes the blob visible as a whole. Rejects with the first error; nothing is visible then. */
  async finish(): Promise<void> {
    const { container, name, size } = this.#options;
    try {
      while (this.#adding) await this.#adding;
      if (this.#error) throw this.#error;
      if (this.#available !== size) throw new Error(`the local file has only ${this.#available} bytes`);
      await finishShared(container, name, size, this.#upload.finish());
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
    await this.#upload.abort();
    while (this.#adding) await this.#adding;
    await this.#end();
  }

  /** All blocks that are complete, and the last one. */
  #addMore(): void {
    const start = this.#upload.size;
    const length = Math.min(this.#blockBytes, this.#options.size - start);
    const isPossible = length > 0 && start + length <= this.#available && this.#error === undefined && !this.#isEnded;
    if (this.#adding || !isPossible) return;
    this.#adding = this.#upload
      .add(length, (bytes) => this.#read(bytes, start))
      .catch((err: unknown) => {
        this.#error ??= err instanceof Error ? err : new Error(String(err));
      })
      .finally(() => {
        this.#adding = undefined;
        this.#addMore();
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
