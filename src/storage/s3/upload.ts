import { type FileHandle, open } from 'node:fs/promises';
import type { CompletedPart } from '@aws-sdk/client-s3';

import type { ByteRange } from '../../stream/byte-source.ts';
import type { S3Bucket, UploadRef } from './bucket.ts';
import { completeUpload } from './complete.ts';
import type { PartBuffers } from '../objects/part-buffers.ts';

/** S3's limit. */
const MAX_PARTS = 10_000;
/** Parts of one upload that are sent at the same time. */
const MAX_CONCURRENT_PARTS = 4;

export interface S3UploadOptions {
  readonly bucket: S3Bucket;
  readonly key: string;
  readonly localFile: string;
  /** Bytes of the finished file; more than 0. */
  readonly size: number;
  /** Size of a part. Larger when there would be too many parts. */
  readonly chunkBytes: number;
  readonly buffers: PartBuffers;
  /** Ids of running uploads, which do not count as abandoned. */
  readonly running: Set<string>;
}

/** Sends a local file in parts while it grows. Nothing is visible before {@link finish}. */
export class S3Upload {
  readonly #options: S3UploadOptions;
  readonly #partBytes: number;
  readonly #partCount: number;
  readonly #parts: CompletedPart[] = [];
  readonly #sending = new Set<Promise<void>>();
  readonly #ended = new AbortController();
  #started: Promise<{ ref: UploadRef; file: FileHandle }> | undefined;
  #available = 0;
  /** Number of the next part; the first is 1. */
  #next = 1;
  #error: Error | undefined;

  constructor(options: S3UploadOptions) {
    this.#options = options;
    this.#partBytes = Math.max(options.chunkBytes, Math.ceil(options.size / MAX_PARTS));
    this.#partCount = Math.ceil(options.size / this.#partBytes);
  }

  /** The file now has this many bytes. Never fails: {@link finish} reports errors. */
  available(bytes: number): void {
    this.#available = bytes;
    this.#sendMore();
  }

  /** Makes the object visible as a whole. Rejects with the first error; nothing is visible then. */
  async finish(): Promise<void> {
    try {
      while (this.#sending.size > 0) await Promise.all(this.#sending);
      if (this.#error) throw this.#error;
      if (this.#parts.length !== this.#partCount) throw new Error(`the local file has only ${this.#available} bytes`);
      const { bucket, size } = this.#options;
      await completeUpload(bucket, (await this.#start()).ref, { parts: this.#parts, size });
    } catch (err) {
      await this.abort();
      throw err;
    }
    await this.#close();
  }

  /** Never fails: an upload that cannot be removed now is removed later, as abandoned. */
  async abort(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    await Promise.allSettled(this.#sending);
    const started = await this.#started?.catch(() => undefined);
    if (started) await this.#options.bucket.abortUpload(started.ref).catch(() => {});
    await this.#close();
  }

  #sendMore(): void {
    while (this.#mayStartPart()) {
      const sending = this.#sendPart(this.#next++)
        .catch((err: unknown) => {
          this.#error ??= err instanceof Error ? err : new Error(String(err));
        })
        .finally(() => {
          this.#sending.delete(sending);
          this.#sendMore();
        });
      this.#sending.add(sending);
    }
  }

  #mayStartPart(): boolean {
    if (this.#error !== undefined || this.#ended.signal.aborted) return false;
    if (this.#next > this.#partCount || this.#sending.size >= MAX_CONCURRENT_PARTS) return false;
    return this.#rangeOf(this.#next).end <= this.#available;
  }

  #rangeOf(number: number): ByteRange {
    const start = (number - 1) * this.#partBytes;
    return { start, end: Math.min(start + this.#partBytes, this.#options.size) };
  }

  async #sendPart(number: number): Promise<void> {
    const { bucket, buffers } = this.#options;
    const { signal } = this.#ended;
    const { start, end } = this.#rangeOf(number);
    const { ref, file } = await this.#start();
    const part = await buffers.use(end - start, async (bytes) => {
      signal.throwIfAborted();
      await readFully(file, bytes, start);
      return await bucket.uploadPart(ref, { number, bytes, signal });
    });
    this.#parts.push(part);
  }

  #start() {
    this.#started ??= this.#open();
    return this.#started;
  }

  async #open(): Promise<{ ref: UploadRef; file: FileHandle }> {
    const { bucket, key, localFile, running } = this.#options;
    const file = await open(localFile, 'r');
    try {
      const ref = await bucket.startUpload(key);
      running.add(ref.uploadId);
      return { ref, file };
    } catch (err) {
      await file.close();
      throw err;
    }
  }

  async #close(): Promise<void> {
    const started = await this.#started?.catch(() => undefined);
    if (!started) return;
    this.#options.running.delete(started.ref.uploadId);
    await started.file.close();
  }
}

async function readFully(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let filled = 0; filled < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, position + filled);
    if (bytesRead === 0) throw new Error(`the local file ends at ${position + filled}`);
    filled += bytesRead;
  }
}
