import { type Bucket, merged, NEW_BUCKET } from './bucket.ts';

/** The next state of a bucket, and a result. Called again when another process has changed the bucket meanwhile. */
export type Change<T> = (bucket: Bucket) => readonly [Bucket, T];

/** Buckets by key. */
export interface Buckets {
  /** The latest known state, without I/O. */
  peek(key: string): Bucket;
  update<T>(key: string, change: Change<T>): Promise<T>;
  /** The bucket has another key from now on; one that is there is the same. */
  rename(from: string, to: string): Promise<void>;
  /** Every other bucket is not used any more. */
  keep(keys: readonly string[]): void;
}

export class LocalBuckets implements Buckets {
  readonly #buckets = new Map<string, Bucket>();

  peek(key: string): Bucket {
    return this.#buckets.get(key) ?? NEW_BUCKET;
  }

  set(key: string, bucket: Bucket): void {
    this.#buckets.set(key, bucket);
  }

  async update<T>(key: string, change: Change<T>): Promise<T> {
    const [bucket, result] = change(this.peek(key));
    this.#buckets.set(key, bucket);
    return result;
  }

  async rename(from: string, to: string): Promise<void> {
    const before = this.#buckets.get(from);
    this.#buckets.delete(from);
    if (before) this.#buckets.set(to, this.#buckets.has(to) ? merged(before, this.peek(to)) : before);
  }

  keep(keys: readonly string[]): void {
    for (const key of this.#buckets.keys()) if (!keys.includes(key)) this.#buckets.delete(key);
  }
}
