import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { ImageError } from './image-error.ts';

/** Files of a layout, in a directory or in an archive. Paths are relative and have no `..`. */
export interface LayoutFiles {
  readonly name: string;

  /** Bytes; undefined when there is no such file. @throws {ImageError} when it is not a file */
  size(path: string): Promise<number | undefined>;

  /** The whole of a small file. @throws {ImageError} when it is larger than `limit` bytes, or not there */
  read(path: string, limit: number): Promise<Buffer>;

  /** From `start` to the end. Chunks stay valid. */
  open(path: string, start: number): AsyncIterable<Uint8Array>;

  close(): Promise<void>;
}

/** Bytes per read. */
export const READ_BYTES = 1024 * 1024;

export class DirectoryFiles implements LayoutFiles {
  readonly name: string;
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.name = root;
  }

  async size(path: string): Promise<number | undefined> {
    try {
      const found = await stat(join(this.#root, path));
      // A device or a pipe would never end.
      if (!found.isFile()) throw new ImageError(`${this.name}: ${path} is not a file`);
      return found.size;
    } catch (err) {
      if (isAbsent(err)) return undefined;
      throw err;
    }
  }

  async read(path: string, limit: number): Promise<Buffer> {
    const size = await this.size(path);
    if (size === undefined) throw new ImageError(`${this.name}: ${path} is missing`);
    if (size > limit) throw new ImageError(`${this.name}: refused, ${path} has ${size} bytes`);
    return readFileOf(join(this.#root, path), size);
  }

  open(path: string, start: number): AsyncIterable<Uint8Array> {
    return createReadStream(join(this.#root, path), { start, highWaterMark: READ_BYTES });
  }

  async close(): Promise<void> {
    // No file is kept open.
  }
}

/** The whole of a small file. @throws {ImageError} when it is not a file, or is larger than `limit` bytes */
export async function readSmallFile(path: string, limit: number): Promise<Buffer> {
  const found = await stat(path);
  if (!found.isFile()) throw new ImageError(`${path}: not a file`);
  if (found.size > limit) throw new ImageError(`${path}: refused, it has ${found.size} bytes`);
  return readFileOf(path, found.size);
}

async function readFileOf(path: string, size: number): Promise<Buffer> {
  const file = await open(path);
  try {
    return await readExactly(file, { position: 0, size });
  } finally {
    await file.close();
  }
}

/** Reads at most `size` bytes, even if the file has grown. */
export async function readExactly(
  file: FileHandle,
  { position, size }: { position: number; size: number },
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await file.read(bytes, filled, size - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

export function isAbsent(err: unknown): boolean {
  const code = err instanceof Error && 'code' in err ? err.code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
