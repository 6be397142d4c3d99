import { checkContentRange, ObjectSource, VersionGoneError } from '../objects/object-source.ts';
import { isTransient, statusOf } from '../objects/store-error.ts';
import type { AzureBody, AzureContainer } from './container.ts';
import { isChanged, isNotFound, toStorageError } from './errors.ts';

export interface AzureSourceOptions {
  readonly container: AzureContainer;
  readonly name: string;
  /** Used in errors. */
  readonly path: string;
  /** The whole blob. The source closes its body. */
  readonly opened: AzureBody;
}

/** The blob in the version that was opened. */
export function createAzureSource({ container, name, path, opened }: AzureSourceOptions): ObjectSource {
  const { size, body, etag } = opened;
  return new ObjectSource({
    path,
    size,
    body,
    async request(range, signal) {
      const part = await container.get(name, { range, etag, signal }).catch((err: unknown) => {
        throw isNotFound(err) || isChanged(err) ? new VersionGoneError(path) : err;
      });
      try {
        checkContentRange(path, range, part.contentRange);
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
