import type { ByteSource } from '../stream/byte-source.ts';
import type { StagedFile, StagingArea } from './staging.ts';

/**
 * Stores bytes at paths. A driver is independent of repositories, digests and HTTP.
 *
 * A path starts with `/`, is `/`-separated, consists of `A-Z a-z 0-9 . _ : @ + -` and has no empty, `.` or `..` segment.
 * Every method rejects other paths with {@link InvalidPathError}. A write becomes visible as a whole, and only when it
 * would survive a power failure, unless its options or its batch state otherwise.
 *
 * In addition to the errors below, reads reject with {@link UnreadablePathError} and {@link StorageUnavailableError}, and
 * writes with {@link StorageFullError}, {@link StorageReadOnlyError} and {@link StorageUnavailableError}.
 */
export interface StorageDriver {
  /** Name of the driver in logs and errors, as in the configuration: `filesystem`, `inmemory`, `s3`. */
  readonly name: string;

  /** A local directory on the file system of the content, from which {@link adopt} is a rename. Absent when there is none. */
  readonly spoolDirectory: string | undefined;

  /** Files that clients upload in chunks. */
  readonly staging: StagingArea;

  /** @throws {PathNotFoundError} */
  stat(path: string): Promise<FileInfo>;

  /**
   * Opens a file. Resolves when the file is known to exist and its size is known: a missing file is a rejection, never an
   * error of a later read. An open file stays readable when it is deleted.
   *
   * @returns a source that the caller closes
   * @throws {PathNotFoundError} also for a directory
   */
  open(path: string): Promise<ByteSource>;

  /**
   * Reads a whole small file.
   *
   * @throws {PathNotFoundError} also for a directory
   * @throws {FileTooLargeError} when it is larger than `maxBytes`; nothing is read then
   */
  readSmall(path: string, maxBytes: number): Promise<Buffer>;

  /** Creates or replaces a file atomically, with the directories above it. */
  writeSmall(path: string, bytes: Uint8Array, options?: WriteOptions): Promise<void>;

  /**
   * Makes a finished local file the content of `path`, and removes the local file.
   * The caller has verified its bytes and no longer writes to it. When this rejects, the local file may still exist; after a
   * {@link StorageFullError} and a {@link StorageReadOnlyError} it does.
   */
  adopt(localFile: string, path: string, options?: AdoptOptions): Promise<void>;

  /**
   * Runs `work`. What it wrote with the batch is durable when this resolves, and visible, file by file, before that. A driver
   * has this method when it makes several files durable together at less cost; {@link inBatch} calls it.
   *
   * @throws the error of `work`; the files that it had written stay
   */
  batch?<T>(work: (batch: WriteBatch) => Promise<T>): Promise<T>;

  /**
   * Makes a file durable that may have been written without that. Absent when there are no such files.
   *
   * @returns whether a power failure may have damaged it before
   */
  secure?(path: string): Promise<boolean>;

  /**
   * Like {@link adopt}, for a local file that is still being written: a driver can already send the bytes that it has.
   * Nothing is visible at `path` before {@link Adoption.finish}. Does no I/O.
   *
   * @param options.size bytes of the finished file
   * @returns undefined when the driver gains nothing by it: call {@link adopt} when the file is finished
   */
  startAdoption?(localFile: string, path: string, options: { readonly size: number }): Adoption | undefined;

  /**
   * Names (not paths) directly below a directory, in code point order, without links that lead back to a directory above.
   *
   * @throws {PathNotFoundError} also for a file
   * @throws {UnreadablePathError}
   */
  list(path: string): Promise<readonly string[]>;

  /**
   * The names of {@link list} after a text, in code point order, part by part: so that a page of a long list costs no more than one of a short
   * list. No names, and no error, when there is no such directory. Only drivers have this method that can start within a list.
   *
   * @param after any text; the empty one for all names
   * @param options.about how many names the caller expects to need
   */
  listAfter?(path: string, after: string, options: { readonly about: number }): AsyncIterable<readonly string[]>;

  /** Moves a file, and replaces `to` atomically. @throws {PathNotFoundError} */
  move(from: string, to: string): Promise<void>;

  /** Removes a file, or a directory with everything below it. Resolves also when there is none. */
  delete(path: string): Promise<void>;

  /**
   * Removes a directory that contains no files, not even in directories below it. A file that is created meanwhile stays.
   *
   * @returns whether nothing exists at the path any more; false for a file
   */
  deleteEmpty(path: string): Promise<boolean>;

  /**
   * A URL from which the client can fetch the file directly.
   *
   * @returns undefined when there is no such URL: serve the file from {@link open}
   */
  redirectUrl(path: string, request: RedirectRequest): Promise<string | undefined>;

  /** Key of the file in the object store. Only drivers of object stores have this method. */
  objectKey?(path: string): string;

  /** The local file that has the content of the path, if it exists. Only drivers of local files have this method. Does no I/O. */
  localFile?(path: string): string;

  /** Whether the storage accepts writes now. Absent when that cannot be known without a write. */
  isWritable?(): Promise<boolean>;

  /** Releases connections and timers. The driver cannot be used afterwards. */
  close(): Promise<void>;
}

/** A file that is adopted while it grows. The code that started the adoption calls {@link finish} or {@link abort}. */
export interface Adoption {
  /** The file now has this many bytes, which do not change any more. Never fails. */
  available(bytes: number): void;

  /**
   * Makes the file, which is complete and verified, the content of its path, and removes the local file. When this rejects,
   * nothing is visible and the local file still exists.
   */
  finish(): Promise<void>;

  /** Discards the bytes sent so far and keeps the local file. Never fails. Can be called after {@link finish}. */
  abort(): Promise<void>;
}

/** The request that {@link StorageDriver.redirectUrl} decides about. */
export interface RedirectRequest {
  readonly method: 'GET' | 'HEAD';
  /** IP address. Absent when unknown, as on a unix socket. */
  readonly clientAddress: string | undefined;
}

/** Options of {@link StorageDriver.writeSmall}. */
export interface WriteOptions {
  /**
   * For files that can be lost: readers may see the file half-written, and a power failure may undo the write. Its directory
   * must exist.
   */
  readonly volatile?: boolean;
  /** For content that can be obtained again: a power failure may undo the write, but leaves no part of the file. */
  readonly replaceable?: boolean;
}

/** Options of {@link StorageDriver.adopt}. */
export type AdoptOptions = Pick<WriteOptions, 'replaceable'>;

/** Writes that become durable together. The bytes of a file are durable before it is visible: a power failure leaves no part of it. */
export interface WriteBatch {
  /** Starts to write a file that {@link writeSmall} will probably be called for, with the same bytes. Nothing is visible. */
  prepare(path: string, bytes: Uint8Array): void;

  /** Like {@link StorageDriver.writeSmall}. */
  writeSmall(path: string, bytes: Uint8Array): Promise<void>;

  /** Like {@link StagedFile.publish}. */
  publish(staged: StagedFile, path: string): Promise<void>;

  /** A file that exists, and may not be durable, becomes durable with the batch. No file need be there. */
  relyOn(path: string): void;

  /**
   * Makes the files that were written and relied on so far durable, and those at `paths`. Call it before a write replaces a file with one
   * that is worth nothing without them: a power failure may otherwise leave the new file alone, and the old one is lost.
   */
  settle(paths?: readonly string[]): Promise<void>;
}

/** Result of {@link StorageDriver.stat}. */
export interface FileInfo {
  readonly isDirectory: boolean;
  /** Bytes; 0 for a directory. */
  readonly size: number;
  readonly modifiedAt: Date;
}

/** Nothing exists at the path, or a file where a directory is expected, or the reverse. */
export class PathNotFoundError extends Error {
  override readonly name = 'PathNotFoundError';
  readonly path: string;

  constructor(driver: string, path: string, options?: ErrorOptions) {
    super(`${driver}: no such path: ${path}`, options);
    this.path = path;
  }
}

/** The path violates the rules of {@link StorageDriver}: a bug of the caller. */
export class InvalidPathError extends Error {
  override readonly name = 'InvalidPathError';

  constructor(driver: string, path: string) {
    super(`${driver}: invalid path: ${JSON.stringify(path)}`);
  }
}

/** The file exceeds the limit of {@link StorageDriver.readSmall}. */
export class FileTooLargeError extends Error {
  override readonly name = 'FileTooLargeError';

  constructor(driver: string, path: string, maxBytes: number) {
    super(`${driver}: ${path} is larger than ${maxBytes} bytes`);
  }
}

/** The storage is full. Callers continue without storing. */
export class StorageFullError extends Error {
  override readonly name = 'StorageFullError';
}

/** The storage cannot be reached, or rejects requests for now. */
export class StorageUnavailableError extends Error {
  override readonly name = 'StorageUnavailableError';
  /** The store's code, or the system's, such as `InvalidAccessKeyId` or `ECONNREFUSED`. Absent when there is none. */
  readonly code: string | undefined;

  constructor(message: string, { code, ...options }: ErrorOptions & { readonly code?: string } = {}) {
    super(message, options);
    this.code = code;
  }
}

/** The storage accepts no writes: it is mounted read-only, or the process lacks the permission. Stored content can be read. */
export class StorageReadOnlyError extends Error {
  override readonly name = 'StorageReadOnlyError';
}

/** Something exists at the path but cannot be read: missing permission, a broken or circular link, a failing disk. */
export class UnreadablePathError extends Error {
  override readonly name = 'UnreadablePathError';
  readonly path: string;

  constructor(driver: string, path: string, cause: unknown) {
    super(`${driver}: cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.path = path;
  }
}

const PATH = /^(?:\/[A-Za-z0-9._:@+-]+)+$/;

/** Whether a path follows the rules of {@link StorageDriver}. */
export function isPath(path: string): boolean {
  return path === '/' || (PATH.test(path) && !path.split('/').some((part) => part === '.' || part === '..'));
}

/**
 * For drivers: checks the path that a method got.
 *
 * @param driver name of the driver, for the message
 * @throws {InvalidPathError}
 */
export function checkPath(driver: string, path: string): void {
  if (!isPath(path)) throw new InvalidPathError(driver, path);
}

/** Like {@link checkPath}, for methods that do not accept the root directory. @throws {InvalidPathError} */
export function checkPathBelowRoot(driver: string, path: string): void {
  if (path === '/' || !isPath(path)) throw new InvalidPathError(driver, path);
}
