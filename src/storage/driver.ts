import type { ByteSource } from '../stream/byte-source.ts';
import type { StagingArea } from './staging.ts';

/**
 * Bytes at paths; knows nothing of repositories, digests or HTTP.
 *
 * A path starts with `/`, is `/`-separated and has no empty, `.` or `..` segment;
 * anything else is an {@link InvalidPathError}. What has been written is visible all at once,
 * and only after it would survive a power cut.
 */
export interface StorageDriver {
  /** As written in the configuration (`filesystem`, `inmemory`, …); used in logs and errors. */
  readonly name: string;

  /** A local directory on the same file system as the content, for which {@link adopt} is a rename; else undefined. */
  readonly spoolDirectory: string | undefined;

  /** For what clients send in pieces. */
  readonly staging: StagingArea;

  /** @throws {PathNotFoundError} */
  stat(path: string): Promise<FileInfo>;

  /**
   * Resolves once the file is known to be there and its size is known: a missing file is a
   * rejection, never a later error. An open file stays readable when it is deleted meanwhile.
   *
   * @throws {PathNotFoundError}
   */
  open(path: string): Promise<ByteSource>;

  /**
   * The whole of a small file.
   *
   * @throws {PathNotFoundError}
   * @throws {FileTooLargeError} when it is larger than `maxBytes`; nothing is read
   */
  readSmall(path: string, maxBytes: number): Promise<Buffer>;

  /** Replaces the file as one step. */
  writeSmall(path: string, bytes: Uint8Array, options?: WriteOptions): Promise<void>;

  /**
   * Makes a finished local file the content of `path`, and removes the local one.
   * The caller has verified its bytes and does not write to it any more.
   */
  adopt(localFile: string, path: string): Promise<void>;

  /**
   * The same for a local file that is still being written, for drivers that can send what is there already. Nothing is
   * seen at `path` before {@link Adoption.finish}. Without I/O.
   *
   * @returns undefined when there is nothing to gain: call {@link adopt} when the file is finished
   */
  startAdoption?(localFile: string, path: string, options: { readonly size: number }): Adoption | undefined;

  /**
   * Names (not paths) directly below a directory, in code point order; without those that lead back to a directory above.
   *
   * @throws {PathNotFoundError}
   * @throws {UnreadablePathError}
   */
  list(path: string): Promise<readonly string[]>;

  /** Replaces `to` as one step. @throws {PathNotFoundError} */
  move(from: string, to: string): Promise<void>;

  /** Removes a file, or a directory with all below; resolves when there is none. */
  delete(path: string): Promise<void>;

  /**
   * Removes a directory in which no file is, nor in those below it. Whatever somebody puts there meanwhile stays.
   *
   * @returns whether nothing is there any more; false for a file
   */
  deleteEmpty(path: string): Promise<boolean>;

  /** Where a client can fetch the file by itself; undefined when it can not. */
  redirectUrl(path: string, request: RedirectRequest): Promise<string | undefined>;

  /** What an object store calls the file; only drivers for one have it. */
  objectKey?(path: string): string;

  /** Whether it takes writes now; absent when that cannot be known without one. */
  isWritable?(): Promise<boolean>;

  /** Ends what the driver holds open. */
  close(): Promise<void>;
}

/** A file that is adopted while it grows. Whoever started it calls {@link finish} or {@link abort}. */
export interface Adoption {
  /** The file has this many bytes now, which are not changed any more. Never fails. */
  available(bytes: number): void;

  /**
   * The file is complete and verified: makes it the content of its path, and removes the local one. When it rejects, nothing
   * is seen and the local file is still there.
   */
  finish(): Promise<void>;

  /** Forgets what was sent; the local file stays. Never fails. Safe to call after {@link finish}. */
  abort(): Promise<void>;
}

/** Who asks for a file, and how. */
export interface RedirectRequest {
  readonly method: 'GET' | 'HEAD';
  /** IP address; undefined when it is not known, as on a unix socket. */
  readonly clientAddress: string | undefined;
}

export interface WriteOptions {
  /** It may be seen half-written, and a power cut may undo it: for what can be done without. Its directory is there. */
  readonly volatile?: boolean;
}

export interface FileInfo {
  readonly isDirectory: boolean;
  /** Bytes; 0 for a directory. */
  readonly size: number;
  readonly modifiedAt: Date;
}

export class PathNotFoundError extends Error {
  override readonly name = 'PathNotFoundError';
  readonly path: string;

  constructor(driver: string, path: string, options?: ErrorOptions) {
    super(`${driver}: no such path: ${path}`, options);
    this.path = path;
  }
}

export class InvalidPathError extends Error {
  override readonly name = 'InvalidPathError';

  constructor(driver: string, path: string) {
    super(`${driver}: invalid path: ${JSON.stringify(path)}`);
  }
}

export class FileTooLargeError extends Error {
  override readonly name = 'FileTooLargeError';

  constructor(driver: string, path: string, maxBytes: number) {
    super(`${driver}: ${path} is larger than ${maxBytes} bytes`);
  }
}

/** There is no room for more bytes. Callers go on without storing. */
export class StorageFullError extends Error {
  override readonly name = 'StorageFullError';
}

/** The storage cannot be reached, or turns us away for now. */
export class StorageUnavailableError extends Error {
  override readonly name = 'StorageUnavailableError';
}

/** The storage takes no writes: it is mounted read-only, or the process may not write to it. Stored content is served. */
export class StorageReadOnlyError extends Error {
  override readonly name = 'StorageReadOnlyError';
}

/** There is something at the path that cannot be read: no permission, a link that leads nowhere or in a circle, a failing disk. */
export class UnreadablePathError extends Error {
  override readonly name = 'UnreadablePathError';
  readonly path: string;

  constructor(driver: string, path: string, cause: unknown) {
    super(`${driver}: cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.path = path;
  }
}

const PATH = /^(?:\/[A-Za-z0-9._:@+-]+)+$/;

export function isPath(path: string): boolean {
  return path === '/' || (PATH.test(path) && !path.split('/').some((part) => part === '.' || part === '..'));
}

/** @throws {InvalidPathError} */
export function checkPath(driver: string, path: string): void {
  if (!isPath(path)) throw new InvalidPathError(driver, path);
}

/** As {@link checkPath}, where the root makes no sense. @throws {InvalidPathError} */
export function checkPathBelowRoot(driver: string, path: string): void {
  if (path === '/' || !isPath(path)) throw new InvalidPathError(driver, path);
}
