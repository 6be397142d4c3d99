import {
  PathNotFoundError,
  StorageFullError,
  StorageReadOnlyError,
  StorageUnavailableError,
  UnreadablePathError,
} from '../driver.ts';

/** The system's name of an error, such as `ENOENT`. */
export function errorCode(err: unknown): string | undefined {
  return (err as NodeJS.ErrnoException | undefined)?.code;
}

/** No room, no inodes, or over quota. */
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** A file system that is mounted read-only, and files that are another user's or immutable. */
const READ_ONLY = new Set(['EROFS', 'EACCES', 'EPERM']);

/** A disk or a network file system that fails, and links in a circle. */
const FAILING = new Set(['EIO', 'ESTALE', 'ENXIO', 'ENODEV', 'ETIMEDOUT', 'EHOSTDOWN', 'EUCLEAN', 'ELOOP']);

/** Not there, and could not be there: a name that is too long, or below a file. */
const NOT_FOUND = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG']);

/** @throws {StorageFullError | StorageReadOnlyError | StorageUnavailableError} when that is why `work`, which writes, failed */
export async function orStorageError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (err) {
    throw toStorageError(err);
  }
}

function toStorageError(err: unknown): unknown {
  const code = errorCode(err) ?? '';
  const reason = err instanceof Error ? err.message : code;
  if (FULL.has(code)) return new StorageFullError('no room left for content', { cause: err });
  if (READ_ONLY.has(code)) return new StorageReadOnlyError(`the storage cannot be written: ${reason}`, { cause: err });
  if (FAILING.has(code)) return new StorageUnavailableError(`the storage fails: ${reason}`, { cause: err });
  return err;
}

/**
 * @throws {PathNotFoundError} when that is why `work`, which reads, failed
 * @throws {UnreadablePathError}
 */
export async function orNotFound<T>(driver: string, path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (err) {
    const code = errorCode(err) ?? '';
    if (NOT_FOUND.has(code)) throw new PathNotFoundError(driver, path, { cause: err });
    if (READ_ONLY.has(code) || FAILING.has(code)) throw new UnreadablePathError(driver, path, err);
    throw err;
  }
}

/** The process may not write there, for whatever reason. */
export function isReadOnly(err: unknown): boolean {
  return READ_ONLY.has(errorCode(err) ?? '');
}

/** For `catch`: passes on every other error. */
export function unlessNotFound(err: unknown): void {
  if (!NOT_FOUND.has(errorCode(err) ?? '')) throw err;
}
