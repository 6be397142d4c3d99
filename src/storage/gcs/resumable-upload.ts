import { createHash } from 'node:crypto';
import { setImmediate, setTimeout as delay } from 'node:timers/promises';

import { retryDelayMs, type RetryPolicy } from '../../retry/retry-delay.ts';
import { isTransient, StoreError } from '../objects/store-error.ts';
import type { GcsBucket, GcsObject, UploadStatus } from './bucket.ts';

/** Failures in a row without a byte in between. */
const RETRIES: RetryPolicy = { maxRetries: 5, baseDelayMs: 400, maxDelayMs: 16_000 };
/** Hashed without a break for other work. Bytes. */
const HASH_SLICE = 1024 * 1024;

const NO_PROGRESS = { status: 503, code: 'NoProgress' };

interface Chunk {
  readonly url: URL;
  readonly bytes: Buffer;
  /** Position of its first byte in the object. */
  readonly start: number;
  readonly end: number;
  /** Of the whole object; absent unless it is the last chunk. */
  readonly md5: string | undefined;
}

export interface ResumableUploadOptions {
  readonly bucket: GcsBucket;
  readonly name: string;
  /** Fails with 412 at its end when there is an object of the name. */
  readonly ifAbsent?: boolean;
}

/**
 * An object that is sent in chunks, in their order. It becomes visible with the last one. After a failure the store reports
 * which bytes it has, and the others are sent again.
 */
export class ResumableUpload {
  readonly #options: ResumableUploadOptions;
  readonly #hash = createHash('md5');
  #url: URL | undefined;
  #position = 0;

  constructor(options: ResumableUploadOptions) {
    this.#options = options;
  }

  /** Bytes that the store has. */
  get position(): number {
    return this.#position;
  }

  /** Sends a chunk; its size must be a multiple of 256 KiB. */
  async send(bytes: Buffer): Promise<void> {
    await this.#hashAll(bytes);
    await this.#sendChunk(bytes, undefined);
  }

  /** Sends the last chunk. When the store has other bytes than those sent, removes them, and fails. */
  async finish(bytes: Buffer): Promise<GcsObject> {
    await this.#hashAll(bytes);
    const md5 = this.#hash.digest('base64');
    const object = await this.#sendChunk(bytes, md5);
    if (!object) throw new Error('the store did not finish the upload');
    if (object.size === this.#position && (object.md5 ?? md5) === md5) return object;
    await this.#options.bucket.delete(object.name, object).catch(() => {});
    throw new StoreError('the stored bytes differ from those sent', { status: undefined, code: 'BadDigest' });
  }

  /** Never fails: the store removes an unfinished upload after a week. */
  async abort(): Promise<void> {
    if (this.#url) await this.#options.bucket.cancelUpload(this.#url);
  }

  async #hashAll(bytes: Buffer): Promise<void> {
    for (let i = 0; i < bytes.length; i += HASH_SLICE) {
      this.#hash.update(bytes.subarray(i, i + HASH_SLICE));
      await setImmediate();
    }
  }

  /**
   * @param md5 of the whole object, for the last chunk
   * @returns the object after the last chunk
   */
  async #sendChunk(bytes: Buffer, md5: string | undefined): Promise<GcsObject | undefined> {
    const url = (this.#url ??= await this.#options.bucket.startUpload(this.#options.name, this.#options));
    const chunk = { url, bytes, start: this.#position, end: this.#position + bytes.length, md5 };
    let failures = 0;
    let isUncertain = false;
    for (;;) {
      const before = this.#position;
      try {
        const status = isUncertain ? await this.#query(chunk) : await this.#sendRest(chunk);
        if (this.#accept(status, chunk)) return status.object;
        if (!isUncertain && this.#position === before) throw new StoreError('the store kept nothing', NO_PROGRESS);
        isUncertain = false;
      } catch (err) {
        const retryAfterMs = err instanceof StoreError ? err.retryAfterMs : undefined;
        const waitMs = isTransient(err) ? retryDelayMs(failures++, retryAfterMs, RETRIES) : undefined;
        if (waitMs === undefined) throw err;
        await delay(waitMs);
        isUncertain = true;
      }
      if (this.#position > before) failures = 0;
    }
  }

  #sendRest({ url, bytes, start, end, md5 }: Chunk): Promise<UploadStatus> {
    const rest = bytes.subarray(this.#position - start);
    const range = rest.length === 0 ? '*' : `${this.#position}-${end - 1}`;
    const headers = md5 === undefined ? {} : { 'x-goog-hash': `md5=${md5}` };
    const contentRange = `bytes ${range}/${md5 === undefined ? '*' : end}`;
    return this.#options.bucket.sendToUpload(url, contentRange, { body: rest, headers });
  }

  #query({ url, end, md5 }: Chunk): Promise<UploadStatus> {
    return this.#options.bucket.sendToUpload(url, `bytes */${md5 === undefined ? '*' : end}`);
  }

  /** @returns whether the chunk is complete */
  #accept({ object, persisted }: UploadStatus, { start, end, md5 }: Chunk): boolean {
    const position = object ? end : persisted;
    const isWithin = position >= start && position <= end && (object === undefined || md5 !== undefined);
    if (!isWithin)
      throw new Error(`the store has ${object?.size ?? persisted} bytes of the upload instead of ${start}`);
    this.#position = position;
    return md5 === undefined ? position === end : object !== undefined;
  }
}
