import { open, stat } from 'node:fs/promises';

import type { RootDatabase } from 'lmdb';

/** The files are none of LMDB's, or cut off, or of another version. */
export class IndexDamagedError extends Error {
  override readonly name = 'IndexDamagedError';
}

/** `mdb.c` of LMDB: `MDB_MAGIC`, behind the header of a page. */
const MAGIC = 0xbeefc0de;
const MAGIC_OFFSET = 24;

/** LMDB trusts what it maps into memory: other bytes than its own end the process, not the call. */
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
    if (!isEmpty && !isOurs) throw new IndexDamagedError('the file does not begin as it should');
  } finally {
    await file.close();
  }
}

/** A page behind the end of the file, again, would end the process. */
export async function checkLength(path: string, root: RootDatabase): Promise<void> {
  const { lastPageNumber = 0, pageSize = 0 } = root.getStats() as { lastPageNumber?: number; pageSize?: number };
  const { size } = await stat(path);
  if (size < (lastPageNumber + 1) * pageSize) throw new IndexDamagedError(`the file is cut off at ${size} bytes`);
}
