import { ObjectSource, VersionGoneError, checkContentRange } from '../objects/object-source.ts';
import type { S3Body, S3Bucket } from './bucket.ts';
import { isChanged, isNotFound, statusOf, toStorageError } from './errors.ts';

export interface S3SourceOptions {
  readonly bucket: S3Bucket;
  readonly key: string;
  /** Used in errors. */
  readonly path: string;
  /** The whole object. The source closes its body. */
  readonly opened: S3Body;
}

/** The object in the version that was opened. */
export function createS3Source({ bucket, key, path, opened }: S3SourceOptions): ObjectSource {
  return new ObjectSource({
    path,
    size: opened.size,
    body: opened.body,
    async request(range, signal) {
      const { body, contentRange } = await bucket.get(key, { range, etag: opened.etag, signal }).catch((err) => {
        throw isNotFound(err) || isChanged(err) ? new VersionGoneError(path) : err;
      });
      try {
        checkContentRange(path, range, contentRange);
      } catch (err) {
        body.destroy();
        throw err;
      }
      return body;
    },
    isFinal: (err) => (statusOf(err) ?? 500) < 500,
    toStorageError,
  });
}
