import type { S3Bucket, UploadRef } from './bucket.ts';
import { statusOf } from './errors.ts';

/** Between two looks. Milliseconds. */
const INTERVAL_MS = 3_600_000;
/** A push to distribution is continued by later requests, for as long as it likes; it removes its own. */
const UPLOADS_OF_DISTRIBUTION = /\/_uploads\/[^/]+\/data$/;

export interface AbandonedUploadsOptions {
  readonly bucket: S3Bucket;
  /** Of the keys that are ours. */
  readonly prefix: string;
  readonly abandonedAfterMs: number;
  /** Ids of uploads of this process, which are not. */
  readonly running: ReadonlySet<string>;
  readonly onRemoved: (count: number) => void;
  /** A look failed; there will be another. */
  readonly onFailed: (err: unknown) => void;
}

/** Removes multipart uploads that nobody will finish; they are not seen, and cost money. Now and from time to time. */
export class AbandonedUploads {
  readonly #options: AbandonedUploadsOptions;
  readonly #timer: NodeJS.Timeout;
  #stopped = false;
  #look: Promise<void>;

  constructor(options: AbandonedUploadsOptions) {
    this.#options = options;
    this.#look = this.#removeAll();
    this.#timer = setInterval(
      () => {
        this.#look = this.#look.then(() => this.#removeAll());
      },
      Math.min(INTERVAL_MS, Math.max(options.abandonedAfterMs, 1000)),
    ).unref();
  }

  /** Does not wait for a look under way, which may be at a store that is gone. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  async #removeAll(): Promise<void> {
    const { bucket, onRemoved, onFailed } = this.#options;
    try {
      let removed = 0;
      for await (const upload of this.#abandoned()) {
        if (this.#stopped) break;
        await bucket.abortUpload(upload).catch(unlessGone);
        removed++;
      }
      if (removed > 0) onRemoved(removed);
    } catch (err) {
      if (!this.#stopped) onFailed(err);
    }
  }

  async *#abandoned(): AsyncGenerator<UploadRef> {
    const { bucket, prefix, abandonedAfterMs, running } = this.#options;
    const before = Date.now() - abandonedAfterMs;
    let after: { key?: string | undefined; uploadId?: string | undefined } | undefined = {};
    while (after) {
      const page = await bucket.listUploads(prefix, after);
      for (const { Key: key = '', UploadId: uploadId, Initiated: initiated } of page.Uploads ?? []) {
        const isOld = initiated !== undefined && initiated.getTime() <= before;
        if (uploadId === undefined || !isOld || running.has(uploadId) || UPLOADS_OF_DISTRIBUTION.test(key)) continue;
        yield { key, uploadId };
      }
      after = page.IsTruncated ? { key: page.NextKeyMarker, uploadId: page.NextUploadIdMarker } : undefined;
    }
  }
}

function unlessGone(err: unknown): void {
  if (statusOf(err) !== 404) throw err;
}
