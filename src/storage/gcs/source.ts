import { checkContentRange, ObjectSource, VersionGoneError } from '../objects/object-source.ts';
import { isTransient, statusOf } from '../objects/store-error.ts';
import type { GcsBody, GcsBucket } from './bucket.ts';
import { isChanged, isNotFound, toStorageError } from './errors.ts';

export interface GcsSourceOptions {
  readonly bucket: GcsBucket;
  /** Name of the object. */
  readonly name: string;
  /** Used in errors. */
  readonly path: string;
  /** The whole object. The source closes its body. */
  readonly opened: GcsBody;
}

/** The object in the generation that was opened. */
export function createGcsSource({ bucket, name, path, opened }: GcsSourceOptions): ObjectSource {
  const { size, body, generation } = opened;
  return new ObjectSource({
    path,
    size,
    body,
    async request(range, signal) {
      const part = await bucket.get(name, { range, generation, signal }).catch((err: unknown) => {
        throw isNotFound(err) || isChanged(err) ? new VersionGoneError(path) : err;
      });
      if (!part) throw new VersionGoneError(path);
      try {
        checkContentRange(path, range, part.contentRange);
        if (part.generation !== generation) throw new VersionGoneError(path);
      } catch (err) {
        part.body.destroy();
        throw err;
      }
      return part.body;
    },
    isFinal: (err) => statusOf(err) !== undefined && !isTransient(err),
    toStorageError,
  });
}
