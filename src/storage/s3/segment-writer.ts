import type { CompletedPart } from '@aws-sdk/client-s3';

import type { S3Bucket, UploadRef } from './bucket.ts';
import { completeUpload } from './complete.ts';
import type { PartBuffers } from '../objects/part-buffers.ts';

/** Parts of one upload that are sent at the same time. */
const MAX_CONCURRENT_PARTS = 4;
/** After this number of parts, parts become larger, because S3 limits their number. */
const PARTS_OF_ONE_SIZE = 1000;

export interface S3SegmentWriterOptions {
  readonly bucket: S3Bucket;
  readonly key: string;
  /** Size of the first parts; a smaller object is sent with one request. */
  readonly chunkBytes: number;
  /** All parts but the last have this size. @default false */
  readonly uniformParts?: boolean | undefined;
  readonly buffers: PartBuffers;
  /** Ids of running uploads, which do not count as abandoned. */
  readonly running: Set<string>;
}

/** Sends an object of unknown size while its bytes arrive. It becomes visible when {@link finish} resolves. */
export class S3SegmentWriter {
  readonly #options: S3SegmentWriterOptions;
  readonly #parts: CompletedPart[] = [];
  readonly #sending = new Set<Promise<void>>();
  readonly #ended = new AbortController();
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #bytes = 0;
  #number = 0;
  #started: Promise<UploadRef> | undefined;
  #error: Error | undefined;

  constructor(options: S3SegmentWriterOptions) {
    this.#options = options;
  }

  /** Waits while too many parts are being sent. */
  async write(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) {
      this.#bytes += chunk.length;
      for (let start = 0; start < chunk.length; ) {
        if (this.#gatheredBytes === this.#partBytes) await this.#sendGathered();
        const piece = chunk.subarray(start, start + this.#partBytes - this.#gatheredBytes);
        this.#gathered.push(piece);
        this.#gatheredBytes += piece.length;
        start += piece.length;
      }
    }
    if (this.#error) throw this.#error;
  }

  async finish(): Promise<void> {
    const { bucket, key, running } = this.#options;
    if (!this.#started) {
      await bucket.put(key, Buffer.concat(this.#gathered));
      return;
    }
    if (this.#gatheredBytes > 0) await this.#sendGathered();
    while (this.#sending.size > 0) await Promise.all(this.#sending);
    if (this.#error) throw this.#error;
    const ref = await this.#started;
    await completeUpload(bucket, ref, { parts: this.#parts, size: this.#bytes });
    running.delete(ref.uploadId);
  }

  /** Never fails: an upload that cannot be removed now is removed later, as abandoned. */
  async abort(): Promise<void> {
    this.#ended.abort();
    await Promise.allSettled(this.#sending);
    const ref = await this.#started?.catch(() => undefined);
    if (!ref) return;
    await this.#options.bucket.abortUpload(ref).catch(() => {});
    this.#options.running.delete(ref.uploadId);
  }

  get #partBytes(): number {
    if (this.#options.uniformParts) return this.#options.chunkBytes;
    return this.#options.chunkBytes * (1 + Math.floor(this.#number / PARTS_OF_ONE_SIZE));
  }

  /** Resolves when the gathered chunks are no longer needed. */
  async #sendGathered(): Promise<void> {
    const { buffers } = this.#options;
    const [chunks, length] = [this.#gathered, this.#gatheredBytes];
    this.#gathered = [];
    this.#gatheredBytes = 0;
    while (this.#sending.size >= MAX_CONCURRENT_PARTS) await Promise.race(this.#sending);
    const number = ++this.#number;
    await new Promise<void>((onCopied) => {
      const sending = buffers
        .use(length, async (bytes) => {
          copyAll(chunks, bytes);
          onCopied();
          await this.#send(number, bytes);
        })
        .catch((err: unknown) => {
          this.#error ??= err instanceof Error ? err : new Error(String(err));
        })
        .finally(() => {
          this.#sending.delete(sending);
          onCopied();
        });
      this.#sending.add(sending);
    });
  }

  async #send(number: number, bytes: Buffer): Promise<void> {
    const { signal } = this.#ended;
    const ref = await this.#start();
    signal.throwIfAborted();
    this.#parts.push(await this.#options.bucket.uploadPart(ref, { number, bytes, signal }));
  }

  #start(): Promise<UploadRef> {
    const { bucket, key, running } = this.#options;
    this.#started ??= bucket.startUpload(key).then((ref) => {
      running.add(ref.uploadId);
      return ref;
    });
    return this.#started;
  }
}

function copyAll(chunks: readonly Uint8Array[], target: Buffer): void {
  let offset = 0;
  for (const chunk of chunks) {
    target.set(chunk, offset);
    offset += chunk.length;
  }
}
