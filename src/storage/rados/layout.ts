import { randomUUID } from 'node:crypto';

/** Value of a directory in the omap of the directory above. */
export const DIRECTORY = '';

/** Extended attribute of a blob's first chunk: bytes of the blob. */
export const TOTAL_SIZE = 'total-size';
const TOTAL_SIZE_BYTES = 10;

/** Name of the bytes of a file, as in distribution. A new one for every write. */
export function newBlobId(): string {
  return `blob:${randomUUID()}`;
}

/** Object with a chunk of a blob. */
export function chunkObject(id: string, index: number): string {
  return `${id}-${index}`;
}

/** Value of {@link TOTAL_SIZE}: 64 bits, and two bytes that distribution adds. */
export function encodeSize(size: number): Buffer {
  const value = Buffer.alloc(TOTAL_SIZE_BYTES);
  value.writeBigUInt64LE(BigInt(size));
  return value;
}

/** @returns undefined when it is not the size of a blob */
export function decodeSize(value: Buffer): number | undefined {
  return value.length === TOTAL_SIZE_BYTES ? Number(value.readBigUInt64LE()) : undefined;
}

/** A path in its directory. */
export interface PathParts {
  /** Also the object whose omap has the names of the directory. */
  readonly directory: string;
  readonly name: string;
}

/** @param path not the root */
export function splitPath(path: string): PathParts {
  const slash = path.lastIndexOf('/');
  return { directory: path.slice(0, slash) || '/', name: path.slice(slash + 1) };
}

/** @param directory without a slash at its end, except for the root */
export function joinPath(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/** The directories above a path, without the root: the closest one first. */
export function directoriesAbove(path: string): string[] {
  const directories: string[] = [];
  for (let { directory } = splitPath(path); directory !== '/'; { directory } = splitPath(directory)) {
    directories.push(directory);
  }
  return directories;
}
