import type { CompletedPart } from '@aws-sdk/client-s3';

import type { S3Bucket, UploadRef } from './bucket.ts';
import type { S3CopyLimits } from './options.ts';

/** S3's limit. */
const MAX_PARTS = 10_000;

export interface CopyOptions {
  readonly from: string;
  readonly to: string;
  /** Bytes. */
  readonly size: number;
  readonly limits: S3CopyLimits;
}

/** Copies an object within the bucket, a large one in several parts at a time. Replaces the target atomically. */
export async function copyObject(bucket: S3Bucket, { from, to, size, limits }: CopyOptions): Promise<void> {
  if (size === 0 || size <= limits.thresholdBytes) {
    await bucket.copy(from, to);
    return;
  }
  const ref = await bucket.startUpload(to, { isOfCopies: true });
  try {
    await bucket.completeUpload(ref, await copyParts(bucket, ref, { from, to, size, limits }));
  } catch (err) {
    await bucket.abortUpload(ref).catch(() => {}); // it is removed later, as abandoned
    throw err;
  }
}

async function copyParts(
  bucket: S3Bucket,
  ref: UploadRef,
  { from, size, limits }: CopyOptions,
): Promise<CompletedPart[]> {
  const partBytes = Math.max(limits.chunkBytes, Math.ceil(size / MAX_PARTS));
  const parts: CompletedPart[] = [];
  const partCount = Math.ceil(size / partBytes);
  let next = 1;
  const work = async (): Promise<void> => {
    while (next <= partCount) {
      const number = next++;
      const start = (number - 1) * partBytes;
      const range = { start, end: Math.min(start + partBytes, size) };
      parts[number - 1] = await bucket.copyPart(ref, { number, from, range }).catch((err: unknown) => {
        next = Infinity;
        throw err;
      });
    }
  };
  const workers = Array.from({ length: Math.min(limits.maxConcurrent, partCount) }, work);
  // Waits for all: a part that arrives after the upload was aborted would remain in the store.
  await Promise.allSettled(workers);
  await Promise.all(workers);
  return parts;
}
