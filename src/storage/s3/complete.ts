import type { CompletedPart } from '@aws-sdk/client-s3';

import type { S3Bucket, UploadRef } from './bucket.ts';
import { isNotFound } from './errors.ts';

/** Makes an object of its parts, in whichever order these are given. @param whole.size of the object, in bytes */
export async function completeUpload(
  bucket: S3Bucket,
  ref: UploadRef,
  { parts, size }: { readonly parts: readonly CompletedPart[]; readonly size: number },
): Promise<void> {
  const sorted = parts.toSorted((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0));
  try {
    await bucket.completeUpload(ref, sorted);
  } catch (err) {
    // The answer to an earlier attempt was lost on the way: then the upload is gone and the object is there.
    if ((err as Error).name !== 'NoSuchUpload') throw err;
    const found = await bucket.head(ref.key).catch((headErr: unknown) => {
      throw isNotFound(headErr) ? err : headErr;
    });
    if (found.size !== size) throw err;
  }
}
