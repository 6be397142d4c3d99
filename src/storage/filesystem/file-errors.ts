import {
  PathNotFoundError,
  StorageFullError,
  StorageReadOnlyError,
  StorageUnavailableError,
  UnreadablePathError,
} from '../driver.ts';

/** The system's error code, such as `ENOENT`. */
export function errorCode(err: unknown): string | undefined {
  return (err as NodeJS.ErrnoException | undefined)?.code;
}

/** No space, no inodes, or over quota. */
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** A read-only file system, and files that belong to another user or are immutable. */
const READ_ONLY = new Set(['EROFS', 'EACCES', 'EPERM']);

/** A failing disk or network file system, and circular links. */
const FAILING = new Set(['EIO', 'ESTALE', 'ENXIO', 'ENODEV', 'ETIMEDOUT', 'EHOSTDOWN', 'EUCLEAN', 'ELOOP']);

/** The path does not exist, or cannot exist: its name is too long, or it is below a file. */
const NOT_FOUND = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG']);

/**
 * Translates the errors of a write.
 *
 * @throws {StorageFullError | StorageReadOnlyError | StorageUnavailableError} or the original error when it is none of these
 */
export async function withStorageErrors<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (err) {
    throw toStorageError(err);
  }
}

function toStorageError(err: unknown): unknown {
  const code = errorCode(err) ?? '';
  const reason = err instanceof Error ? err.message : code;
  if (FULL.has(code)) return new StorageFullError('the storage is full', { cause: err });
  if (READ_ONLY.has(code)) return new StorageReadOnlyError(`the storage cannot be written: ${reason}`, { cause: err });
  if (FAILING.has(code)) return new StorageUnavailableError(`the storage is failing: ${reason}`, { cause: err });
  return err;
}

/**
 * Translates the errors of a read.
 *
 * @throws {PathNotFoundError | UnreadablePathError} or the original error when it is none of these
 */
export async function withReadErrors<T>(driver: string, path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (err) {
    const code = errorCode(err) ?? '';
    if (NOT_FOUND.has(code)) throw new PathNotFoundError(driver, path, { cause: err });
    if (READ_ONLY.has(code) || FAILING.has(code)) throw new UnreadablePathError(driver, path, err);
    throw err;
  }
}

/** Whether a write failed because the process may not write. */
export function isReadOnly(err: unknown): boolean {
  return READ_ONLY.has(errorCode(err) ?? '');
}

/** For `catch`: throws every other error. */
export function ignoreNotFound(err: unknown): void {
  if (!NOT_FOUND.has(errorCode(err) ?? '')) throw err;
}
