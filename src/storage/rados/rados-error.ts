import { getSystemErrorName } from 'node:util';

import { PathNotFoundError, StorageFullError, StorageReadOnlyError, StorageUnavailableError } from '../driver.ts';

export const NAME = 'rados';

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);
const DENIED: ReadonlySet<string> = new Set(['EPERM', 'EACCES', 'EROFS']);
const UNAVAILABLE: ReadonlySet<string> = new Set(['ETIMEDOUT', 'ESHUTDOWN', 'ENOTCONN', 'ENODEV', 'EAGAIN']);

/** A call of librados that failed. */
export class RadosError extends Error {
  override readonly name = 'RadosError';
  /** Such as `ENOENT`. */
  readonly code: string;
  /** Function of librados. */
  readonly call: string;

  /** @param result negative */
  constructor(call: string, result: number) {
    const code = getSystemErrorName(result);
    super(`${call}: ${code}`);
    this.code = code;
    this.call = call;
  }
}

export function isCode(err: unknown, ...codes: readonly string[]): boolean {
  return err instanceof RadosError && codes.includes(err.code);
}

/** For `catch`: the result when the object, or a part of it, does not exist. Other errors are thrown. */
export function ifMissing<T>(result: T): (err: unknown) => T {
  return (err) => {
    if (isCode(err, 'ENOENT', 'ENODATA', 'ENAMETOOLONG')) return result;
    throw err;
  };
}

/** Describes a failed operation in messages. */
export interface PathOperation {
  /** Such as `reading`. */
  readonly doing: string;
  readonly path: string;
  readonly isWrite: boolean;
}

/** Errors of the driver interface, and those of the local file, pass as they are. */
export function toStorageError(err: unknown, { doing, path, isWrite }: PathOperation): unknown {
  if (!(err instanceof RadosError)) return err;
  const { code } = err;
  const message = `${NAME}: ${doing} ${path}: ${err.message}`;
  if (!isWrite && code === 'ENAMETOOLONG') return new PathNotFoundError(NAME, path);
  if (FULL.has(code)) return new StorageFullError(message);
  if (DENIED.has(code) && isWrite) return new StorageReadOnlyError(message);
  if (UNAVAILABLE.has(code) || DENIED.has(code)) return new StorageUnavailableError(message, { code, cause: err });
  return Object.assign(new Error(message, { cause: err }), { code });
}

export async function translated<T>(operation: PathOperation, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (err) {
    throw toStorageError(err, operation);
  }
}
