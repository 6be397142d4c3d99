import { PathNotFoundError, StorageFullError } from './driver.ts';

/** The system's name of an error, such as `ENOENT`. */
export function errorCode(err: unknown): string | undefined {
  return (err as NodeJS.ErrnoException | undefined)?.code;
}

/** No room, no inodes, or over quota. */
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** Not there, and could not be there: a name that is too long, or below a file. */
const NOT_FOUND = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG']);

/** @throws {StorageFullError} when that is why `work` failed */
export async function orStorageFull<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (err) {
    if (!FULL.has(errorCode(err) ?? '')) throw err;
    throw new StorageFullError('no room left for content', { cause: err });
  }
}

/** @throws {PathNotFoundError} when that is why `work` failed */
export async function orNotFound<T>(driver: string, path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (err) {
    if (!NOT_FOUND.has(errorCode(err) ?? '')) throw err;
    throw new PathNotFoundError(driver, path, { cause: err });
  }
}

/** For `catch`: passes on every other error. */
export function unlessNotFound(err: unknown): void {
  if (!NOT_FOUND.has(errorCode(err) ?? '')) throw err;
}
