import type { MultipartUpload } from '@aws-sdk/client-s3';

import type { S3Bucket, UploadRef } from './bucket.ts';
import { statusOf } from './errors.ts';

/** Interval between two scans. Milliseconds. */
const INTERVAL_MS = 3_600_000;
/** A push to distribution may continue at any later time; distribution removes its abandoned uploads. */
const UPLOADS_OF_DISTRIBUTION = /\/_uploads\/[^/]+\/data$/;

export interface AbandonedUploadsOptions {
  readonly bucket: S3Bucket;
  /** Prefix of the driver's keys. */
  readonly prefix: string;
  readonly abandonedAfterMs: number;
  /** Ids of this process's running uploads, which are kept. */
  readonly running: ReadonlySet<string>;
  readonly onRemoved: (count: number) => void;
  /** Called when a scan fails for another reason than the one before; the next one follows at the usual time. */
  readonly onFailed: (err: unknown) => void;
}

/** Removes abandoned multipart uploads, now and periodically. They are invisible, but are charged for. */
export class AbandonedUploads {
  readonly #options: AbandonedUploadsOptions;
  readonly #timer: NodeJS.Timeout;
  #stopped = false;
  /** A store without lists of uploads fails every scan. */
  #lastFailure: string | undefined;
  #scan: Promise<void>;

  constructor(options: AbandonedUploadsOptions) {
    this.#options = options;
    this.#scan = this.#removeAll();
    this.#timer = setInterval(
      () => {
        this.#scan = this.#scan.then(() => this.#removeAll());
      },
      Math.min(INTERVAL_MS, Math.max(options.abandonedAfterMs, 1000)),
    ).unref();
  }

  /** Does not wait for a running scan: the store may be unreachable. */
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
        await bucket.abortUpload(upload).catch(ignoreNotFound);
        removed++;
      }
      if (removed > 0) onRemoved(removed);
      this.#lastFailure = undefined;
    } catch (err) {
      if (!this.#stopped && String(err) !== this.#lastFailure) onFailed(err);
      this.#lastFailure = String(err);
    }
  }

  async *#abandoned(): AsyncGenerator<UploadRef> {
    const { prefix, abandonedAfterMs, running } = this.#options;
    const before = Date.now() - abandonedAfterMs;
    for await (const { Key: key = '', UploadId: uploadId, Initiated: initiated } of this.#uploads()) {
      const isOld = initiated !== undefined && initiated.getTime() <= before && key.startsWith(prefix);
      if (uploadId === undefined || !isOld || running.has(uploadId) || UPLOADS_OF_DISTRIBUTION.test(key)) continue;
      yield { key, uploadId };
    }
  }

  /** MinIO lists uploads by their whole key alone: when there are none with the prefix, those of the bucket are listed. */
  async *#uploads(): AsyncGenerator<MultipartUpload> {
    let isEmpty = true;
    for await (const upload of this.#uploadsWith(this.#options.prefix)) {
      isEmpty = false;
      yield upload;
    }
    if (isEmpty && this.#options.prefix !== '') yield* this.#uploadsWith('');
  }

  async *#uploadsWith(prefix: string): AsyncGenerator<MultipartUpload> {
    let after: { key?: string | undefined; uploadId?: string | undefined } | undefined = {};
    while (after) {
      const page = await this.#options.bucket.listUploads(prefix, after);
      yield* page.Uploads ?? [];
      after = page.IsTruncated ? { key: page.NextKeyMarker, uploadId: page.NextUploadIdMarker } : undefined;
    }
  }
}

function ignoreNotFound(err: unknown): void {
  if (statusOf(err) !== 404) throw err;
}
