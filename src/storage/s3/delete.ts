import type { S3Bucket } from './bucket.ts';
import { isNotFound, statusOf } from './errors.ts';

/** S3's limit for one request. */
const MAX_KEYS = 1000;
/** Of single deletes. */
const MAX_CONCURRENT = 16;

/**
 * Deletes many objects with few requests. A store that wants `Content-MD5`, which the SDK no longer sends, or that has
 * no such request, is asked once and then gets a request per object.
 */
export class S3Deleter {
  readonly #bucket: S3Bucket;
  #onlySingly = false;

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket;
  }

  /** Objects that are not there count as deleted. */
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
      // Each gets its own request, and with it retries and an error that says why.
      await this.#deleteSingly(failed.map(({ key }) => key));
    } catch (err) {
      if (!isUnknownRequest(err)) throw err;
      this.#onlySingly = true;
      await this.#deleteSingly(keys);
    }
  }

  async #deleteSingly(keys: readonly string[]): Promise<void> {
    const left = keys.values();
    const deleteNext = async (): Promise<void> => {
      for (const key of left) await this.delete(key);
    };
    await Promise.all(Array.from({ length: Math.min(MAX_CONCURRENT, keys.length) }, deleteNext));
  }
}

function isUnknownRequest(err: unknown): boolean {
  const status = statusOf(err);
  return status === 400 || status === 405 || status === 411 || status === 501;
}
