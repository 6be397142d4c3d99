import { open, rm, stat } from 'node:fs/promises';

import type { RootDatabase } from 'lmdb';

/** The files are not LMDB's, truncated, or of another version. */
export class FilesDamagedError extends Error {
  override readonly name = 'FilesDamagedError';
}

/** `lmdb.h`: `MDB_PAGE_NOTFOUND`, `MDB_CORRUPTED`, `MDB_PANIC`, `MDB_VERSION_MISMATCH`, `MDB_INVALID`, `MDB_BAD_TXN`. */
const DAMAGE_CODES: ReadonlySet<unknown> = new Set([-30797, -30796, -30795, -30794, -30793, -30782]);

/** Exit code of a program that checks files. */
export const DAMAGED_EXIT_CODE = 3;

/** Whether the operating system or a lack of resources is the reason, not the content of the files. Entries that cannot be decoded have no code. */
export function isSystemError(err: unknown): boolean {
  return !(err instanceof FilesDamagedError) && (err as { code?: unknown }).code !== undefined;
}

/** @returns an {@link FilesDamagedError} when LMDB reports damage, else the error itself: a full disk is not damage */
export function orDamaged(err: unknown): unknown {
  if (!(err instanceof Error) || !DAMAGE_CODES.has((err as { code?: unknown }).code)) return err;
  return new FilesDamagedError(err.message.trim(), { cause: err });
}

/** `MDB_MAGIC` of LMDB's `mdb.c`, after the header of a page. */
const MAGIC = 0xbeefc0de;
const MAGIC_OFFSET = 24;

/** LMDB trusts the bytes that it maps into memory: foreign bytes end the process, not the call. */
export async function checkHeader(path: string): Promise<void> {
  const file = await open(path, 'r').catch((err: NodeJS.ErrnoException) => {
    if (err.code === 'ENOENT') return undefined;
    throw err;
  });
  if (!file) return;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC_OFFSET + 4), 0, MAGIC_OFFSET + 4, 0);
    const isEmpty = bytesRead === 0;
    const isOurs = bytesRead === buffer.length && buffer.readUInt32LE(MAGIC_OFFSET) === MAGIC;
    if (!isEmpty && !isOurs) throw new FilesDamagedError('the file does not start like one of LMDB');
  } finally {
    await file.close();
  }
}

/** More than LMDB needs for its readers. Bytes. */
const LOCK_FILE_SIZE = 16 * 1024;

/**
 * Creates the file of LMDB's locks, unless it is there. LMDB itself creates it with a hole and maps it, so that the first write ends the
 * process (`SIGBUS`) when the disk is full.
 *
 * @param path of the data
 * @throws the error of the file system, with nothing left behind
 */
export async function createLockFile(path: string): Promise<void> {
  const lockPath = `${path}-lock`;
  const file = await open(lockPath, 'wx').catch((err: NodeJS.ErrnoException) => {
    if (err.code === 'EEXIST') return undefined;
    throw err;
  });
  if (!file) return;
  try {
    await file.writeFile(Buffer.alloc(LOCK_FILE_SIZE));
    await file.close();
  } catch (err) {
    await file.close().catch(() => {}); // the first error counts
    await rm(lockPath, { force: true });
    throw err;
  }
}

/** Reading a page beyond the end of the file would end the process. */
export async function checkLength(path: string, root: RootDatabase): Promise<void> {
  const { lastPageNumber = 0, pageSize = 0 } = root.getStats() as { lastPageNumber?: number; pageSize?: number };
  const { size } = await stat(path);
  if (size < (lastPageNumber + 1) * pageSize) throw new FilesDamagedError(`the file is truncated at ${size} bytes`);
}
