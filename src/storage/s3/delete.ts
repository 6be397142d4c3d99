import { forEachAtOnce } from '../objects/at-once.ts';
import type { S3Bucket } from './bucket.ts';
import { isNotFound, statusOf } from './errors.ts';

/** S3's limit for one request. */
const MAX_KEYS = 1000;
/** Requests for single objects at the same time. */
const MAX_CONCURRENT = 16;

/**
 * Deletes many objects with few requests. When a store rejects the first such request, because it requires `Content-MD5`,
 * which the SDK does not send, or does not support it, objects are deleted one by one from then on.
 */
export class S3Deleter {
  readonly #bucket: S3Bucket;
  #onlySingly = false;

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket;
  }

  /** Missing objects count as deleted. */
  async deleteAll(keys: readonly string[]): Promise<void> {
    for (let i = 0; i < keys.length; i += MAX_KEYS) await this.#deleteBatch(keys.slice(i, i + MAX_KEYS));
  }

  async delete(key: string): Promise<void> {
    await this.#bucket.delete(key).catch((err: unknown) => {
      if (!isNotFound(err)) throw err;
    });
  }

  async #deleteBatch(keys: readonly string[]): Promise<void> {
    if (keys.length === 1 || this.#onlySingly) return this.#deleteSingly(keys);
    try {
      const failed = await this.#bucket.deleteMany(keys);
      // A request for each of them has retries, and an error with the reason.
      await this.#deleteSingly(failed.map(({ key }) => key));
    } catch (err) {
      if (!isUnsupported(err)) throw err;
      this.#onlySingly = true;
      await this.#deleteSingly(keys);
    }
  }

  async #deleteSingly(keys: readonly string[]): Promise<void> {
    await forEachAtOnce(keys, MAX_CONCURRENT, (key) => this.delete(key));
  }
}

function isUnsupported(err: unknown): boolean {
  const status = statusOf(err);
  return status === 400 || status === 405 || status === 411 || status === 501;
}
