import type { CompletedPart } from '@aws-sdk/client-s3';

import type { S3Bucket, UploadRef } from './bucket.ts';
import { hasCode, isNotFound } from './errors.ts';

/**
 * Completes a multipart upload.
 *
 * @param object.parts in any order
 * @param object.size of the object, in bytes
 */
export async function completeUpload(
  bucket: S3Bucket,
  ref: UploadRef,
  { parts, size }: { readonly parts: readonly CompletedPart[]; readonly size: number },
): Promise<void> {
  const sorted = parts.toSorted((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0));
  try {
    await bucket.completeUpload(ref, sorted);
  } catch (err) {
    // When the response to an earlier attempt was lost, the upload no longer exists and the object does.
    if (!hasCode(err, 'NoSuchUpload')) throw err;
    const found = await bucket.head(ref.key).catch((headErr: unknown) => {
      throw isNotFound(headErr) ? err : headErr;
    });
    if (found.size !== size) throw err;
  }
}
