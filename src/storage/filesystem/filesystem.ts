import type { Dirent } from 'node:fs';
import {
  access,
  constants,
  type FileHandle,
  lstat,
  open,
  opendir,
  readdir,
  rm,
  rmdir,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { BufferPool } from '../../stream/buffer-pool.ts';
import type { ByteSource } from '../../stream/byte-source.ts';
import { FileSource } from '../../stream/file-source.ts';
import {
  type AdoptOptions,
  checkPath,
  checkPathBelowRoot,
  type FileInfo,
  FileTooLargeError,
  isPath,
  PathNotFoundError,
  type StorageDriver,
  type WriteBatch,
  type WriteOptions,
} from '../driver.ts';
import { FilesystemStaging } from './staging.ts';
import { mergeSorted, readAtOnce, readInParts } from './directory-names.ts';
import { DurableFiles } from './durable-files.ts';
import { errorCode, ignoreNotFound, isReadOnly, withReadErrors, withStorageErrors } from './file-errors.ts';
import { checkOwner } from './foreign-directory.ts';
import { findLoops } from './link-loops.ts';
import { LargeListings } from './large-listings.ts';
import type { StorageLog } from '../storage-log.ts';
import { readWhole } from './small-file.ts';
import { removeAll, TemporaryDirectories } from './temporary-directories.ts';
import { FilesystemBatch } from './write-batch.ts';

const NAME = 'filesystem';
const MAX_REPORTED = 1_000;
/** Directories below the root that are often on a separate disk. */
const PARTS = ['docker/registry/v2/repositories', 'docker/registry/v2/blobs'];

/** Options of {@link createFilesystemDriver}. */
export interface FilesystemDriverOptions {
  /** Created when missing. */
  readonly rootDirectory: string;
  /** Memory for reads, which several users can share. @default a separate pool */
  readonly buffers?: BufferPool;
  readonly log?: StorageLog | undefined;
  /**
   * `full`: batches and uploads survive a power failure. `relaxed`: they survive the end of the process, but a power failure may
   * undo or damage those of the last seconds. Other writes do not depend on it.
   *
   * @default `full`
   */
  readonly durability?: 'full' | 'relaxed';
  /** Nothing is created or removed below the directory, which another process may use. @default false */
  readonly isReader?: boolean;
}

/**
 * A driver that stores files below one directory, in the layout of distribution.
 *
 * The directory `layover/` in it has files that are not content: `tmp` has small files being written, `fills` has blobs being
 * fetched. Files that an earlier process left in `tmp` are removed. When the process may not write, the driver serves
 * the stored files and has no {@link StorageDriver.spoolDirectory}.
 *
 * @throws {Error} of the system when the directory can be neither created nor read
 * @throws {ForeignDirectoryError} when it belongs to another user, may not be written and has no content
 */
export async function createFilesystemDriver(options: FilesystemDriverOptions): Promise<StorageDriver> {
  const rootDirectory = resolve(options.rootDirectory);
  const temporaryDirectory = join(rootDirectory, 'layover', 'tmp');
  const spoolDirectory = join(rootDirectory, 'layover', 'fills');
  const temporaries = new TemporaryDirectories(rootDirectory, temporaryDirectory);
  const files = new DurableFiles(rootDirectory, temporaries);
  const { isReader = false } = options;
  const refusal = await refusalOf(async () => {
    if (isReader) return;
    for (const directory of [temporaryDirectory, spoolDirectory]) {
      await files.makeDirectory(directory);
      await access(directory, constants.W_OK);
    }
    await files.settle([temporaryDirectory, spoolDirectory]);
    await removeAll(temporaryDirectory);
    for (const part of PARTS) await temporaries.addIfOtherFileSystem(join(rootDirectory, part));
  });
  if (refusal !== undefined) await checkReadOnly(rootDirectory, refusal, options.log);
  return new FilesystemDriver({
    rootDirectory,
    buffers: options.buffers ?? new BufferPool(),
    log: options.log,
    files,
    isDurable: options.durability !== 'relaxed',
    spoolDirectory: refusal === undefined && !isReader ? spoolDirectory : undefined,
  });
}

/** @returns the error when the process may not write */
async function refusalOf(work: () => Promise<void>): Promise<Error | undefined> {
  try {
    await work();
    return undefined;
  } catch (err) {
    if (!isReadOnly(err) || !(err instanceof Error)) throw err;
    return err;
  }
}

/** @throws {Error} when stored content cannot be read either */
async function checkReadOnly(rootDirectory: string, refusal: Error, log: StorageLog | undefined): Promise<void> {
  if (errorCode(refusal) !== 'EROFS') await checkOwner(rootDirectory, log);
  if (!(await isReadable(rootDirectory))) throw refusal;
}

async function isReadable(directory: string): Promise<boolean> {
  return await readdir(directory).then(Boolean, () => false);
}

interface FilesystemParts {
  readonly rootDirectory: string;
  readonly buffers: BufferPool;
  readonly log: StorageLog | undefined;
  readonly files: DurableFiles;
  readonly isDurable: boolean;
  readonly spoolDirectory: string | undefined;
}

class FilesystemDriver implements StorageDriver {
  readonly name = NAME;
  readonly #parts: FilesystemParts;
  /** Links that were reported: each one is logged once. */
  readonly #loops = new Set<string>();
  readonly #listings = new LargeListings();

  readonly staging: FilesystemStaging;

  constructor(parts: FilesystemParts) {
    this.#parts = parts;
    const { files, isDurable } = parts;
    this.staging = new FilesystemStaging({ local: (path) => this.#localBelowRoot(path), files, isDurable });
  }

  get spoolDirectory(): string | undefined {
    return this.#parts.spoolDirectory;
  }

  async stat(path: string): Promise<FileInfo> {
    const info = await withReadErrors(NAME, path, stat(this.#local(path)));
    const isDirectory = info.isDirectory();
    return { isDirectory, size: isDirectory ? 0 : info.size, modifiedAt: info.mtime };
  }

  async open(path: string): Promise<ByteSource> {
    const { file, size } = await this.#openFile(path);
    return new FileSource({ file, size, path, buffers: this.#parts.buffers });
  }

  async readSmall(path: string, maxBytes: number): Promise<Buffer> {
    const onSize = (size: number) => {
      if (size > maxBytes) throw new FileTooLargeError(NAME, path, maxBytes);
    };
    const bytes = await withReadErrors(NAME, path, readWhole(this.#local(path), { onSize }));
    if (!bytes) throw new PathNotFoundError(NAME, path);
    return bytes;
  }

  async writeSmall(path: string, bytes: Uint8Array, { volatile, replaceable }: WriteOptions = {}): Promise<void> {
    const local = this.#localBelowRoot(path);
    if (volatile) await withStorageErrors(writeFile(local, bytes));
    else if (replaceable) await this.#parts.files.place(local, bytes);
    else await this.#parts.files.write(local, bytes);
  }

  async adopt(localFile: string, path: string, { replaceable }: AdoptOptions = {}): Promise<void> {
    const { files } = this.#parts;
    const local = this.#localBelowRoot(path);
    await files.adopt(localFile, local);
    if (!replaceable) await files.settle([local]);
  }

  async batch<T>(work: (batch: WriteBatch) => Promise<T>): Promise<T> {
    const { files, isDurable } = this.#parts;
    const batch = new FilesystemBatch({ files, isDurable, local: (path) => this.#localBelowRoot(path) });
    try {
      const result = await work(batch);
      await batch.settle();
      return result;
    } finally {
      await batch.discard();
    }
  }

  async secure(path: string): Promise<boolean> {
    const { files, isDurable } = this.#parts;
    await files.secure([this.#localBelowRoot(path)]);
    return !isDurable;
  }

  async list(path: string): Promise<readonly string[]> {
    const local = this.#local(path);
    return await this.#listings.list(local, ({ isLarge }) => {
      const parts = isLarge ? readInParts(local) : readAtOnce(local);
      return withReadErrors(NAME, path, explainBrokenLink(local, this.#sortedNames(local, parts)));
    });
  }

  async #sortedNames(local: string, parts: AsyncIterable<readonly Dirent[]>): Promise<string[]> {
    const sorted: string[][] = [];
    for await (const entries of parts) {
      const loops = await findLoops(this.#parts.rootDirectory, local, entries);
      for (const name of loops) this.#reportLoop(join(local, name));
      const names = entries.map(({ name }) => name).filter((name) => !loops.has(name));
      // Files of other programs may have names that are not valid in paths, such as `Zone Identifier`; these are left out.
      // Paths are ASCII, so this is code point order.
      sorted.push(names.filter((name) => isPath(`/${name}`)).sort());
    }
    return await mergeSorted(sorted);
  }

  async move(from: string, to: string): Promise<void> {
    const source = this.#localBelowRoot(from);
    const target = this.#localBelowRoot(to);
    await this.stat(from);
    await withReadErrors(NAME, from, this.#parts.files.move(source, target));
    await this.#parts.files.settle([target]);
  }

  async delete(path: string): Promise<void> {
    const local = this.#localBelowRoot(path);
    if (await removeFlat(local)) return;
    // Retries when another process writes into the directory at that moment.
    const rest = { recursive: true, force: true, maxRetries: 10, retryDelay: 5 };
    await withStorageErrors(rm(local, rest).catch(ignoreNotFound));
  }

  async deleteEmpty(path: string): Promise<boolean> {
    return await withStorageErrors(removeEmpty(this.#localBelowRoot(path)));
  }

  localFile(path: string): string {
    return this.#local(path);
  }

  async isWritable(): Promise<boolean> {
    const parts = ['layover', ...PARTS].map((part) => access(join(this.#parts.rootDirectory, part), constants.W_OK));
    const results = await Promise.allSettled(parts);
    return !results.some((result) => result.status === 'rejected' && isReadOnly(result.reason));
  }

  async redirectUrl(): Promise<undefined> {
    return undefined;
  }

  async close(): Promise<void> {}

  /** The caller closes the file. */
  async #openFile(path: string): Promise<{ file: FileHandle; size: number }> {
    const file = await withReadErrors(NAME, path, open(this.#local(path), 'r'));
    try {
      const info = await file.stat();
      if (!info.isFile()) throw new PathNotFoundError(NAME, path);
      return { file, size: info.size };
    } catch (err) {
      await file.close();
      throw err;
    }
  }

  #reportLoop(link: string): void {
    if (this.#loops.has(link)) return;
    if (this.#loops.size < MAX_REPORTED) this.#loops.add(link);
    this.#parts.log?.warn({ link }, 'circular link ignored');
  }

  #local(path: string): string {
    checkPath(NAME, path);
    return join(this.#parts.rootDirectory, path);
  }

  #localBelowRoot(path: string): string {
    checkPathBelowRoot(NAME, path);
    return join(this.#parts.rootDirectory, path);
  }
}

/** A broken link, such as one to a disk that is not mounted, is not a missing directory: content is behind it. */
async function explainBrokenLink<T>(directory: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (err) {
    const isLink = errorCode(err) === 'ENOENT' && (await lstat(directory).catch(() => undefined))?.isSymbolicLink();
    throw isLink ? Object.assign(new Error(`${directory} is a broken link`), { code: 'ELOOP' }) : err;
  }
}

/** A fast path for a directory with only files in it. @returns false for any other; some of its files may be removed then */
async function removeFlat(directory: string): Promise<boolean> {
  try {
    const names = await readdir(directory);
    await Promise.all(names.map((name) => unlink(join(directory, name))));
    await rmdir(directory);
    return true;
  } catch {
    return false;
  }
}

/** Removes the innermost directories first, with a call that fails for one that is not empty. @returns whether nothing is left */
async function removeEmpty(directory: string): Promise<boolean> {
  if (await removeOne(directory)) return true;
  const entries = await opendir(directory).catch(ignoreNotFound);
  // The loop closes the directory, also when it ends early at the first file.
  for await (const entry of entries ?? []) {
    if (!entry.isDirectory() || !(await removeEmpty(join(directory, entry.name)))) return false;
  }
  return await removeOne(directory);
}

async function removeOne(directory: string): Promise<boolean> {
  try {
    await rmdir(directory);
    return true;
  } catch (err) {
    const code = errorCode(err) ?? '';
    if (code === 'ENOENT') return true;
    // POSIX allows ENOTEMPTY and EEXIST for a directory that is not empty; a mount point is EBUSY.
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR' || code === 'EBUSY') return false;
    throw err;
  }
}
