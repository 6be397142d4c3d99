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

import type { BufferPool } from '../../stream/buffer-pool.ts';
import type { ByteSource } from '../../stream/byte-source.ts';
import { FileSource } from '../../stream/file-source.ts';
import {
  checkPath,
  checkPathBelowRoot,
  type FileInfo,
  FileTooLargeError,
  isPath,
  PathNotFoundError,
  type StorageDriver,
  type WriteOptions,
} from '../driver.ts';
import { FilesystemStaging } from './staging.ts';
import { DurableFiles } from './durable-files.ts';
import { errorCode, isReadOnly, orNotFound, orStorageError, unlessNotFound } from './file-errors.ts';
import { findLoops } from './link-loops.ts';
import { LargeListings } from './large-listings.ts';
import type { StorageLog } from '../storage-log.ts';
import { removeAll, TemporaryDirectories } from './temporary-directories.ts';

const NAME = 'filesystem';
const MAX_REPORTED = 1_000;
/** Parts of the root that are often on a disk of their own. */
const PARTS = ['docker/registry/v2/repositories', 'docker/registry/v2/blobs'];

export interface FilesystemDriverOptions {
  /** Made when missing. */
  readonly rootDirectory: string;
  readonly buffers: BufferPool;
  readonly log?: StorageLog | undefined;
}

/**
 * Files under one directory, in which `layover/` is for files that are not content: `tmp` for small files
 * being written and `fills` for blobs being fetched. What an earlier process left in `tmp` is removed.
 */
export async function createFilesystemDriver(options: FilesystemDriverOptions): Promise<StorageDriver> {
  const rootDirectory = resolve(options.rootDirectory);
  const temporaryDirectory = join(rootDirectory, 'layover', 'tmp');
  const spoolDirectory = join(rootDirectory, 'layover', 'fills');
  const temporaries = new TemporaryDirectories(rootDirectory, temporaryDirectory);
  const files = new DurableFiles(temporaries);
  const writable = await prepare(rootDirectory, async () => {
    for (const directory of [temporaryDirectory, spoolDirectory]) {
      await files.makeDirectory(directory);
      await access(directory, constants.W_OK);
    }
    await removeAll(temporaryDirectory);
    for (const part of PARTS) await temporaries.learnIfElsewhere(join(rootDirectory, part));
  });
  return new FilesystemDriver({
    rootDirectory,
    buffers: options.buffers,
    log: options.log,
    files,
    spoolDirectory: writable ? spoolDirectory : undefined,
  });
}

/** @returns false when nothing can be written: stored content can still be served */
async function prepare(rootDirectory: string, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (err) {
    if (!isReadOnly(err) || !(await isReadable(rootDirectory))) throw err;
    return false;
  }
}

async function isReadable(directory: string): Promise<boolean> {
  return await readdir(directory).then(Boolean, () => false);
}

interface FilesystemParts {
  readonly rootDirectory: string;
  readonly buffers: BufferPool;
  readonly log: StorageLog | undefined;
  readonly files: DurableFiles;
  readonly spoolDirectory: string | undefined;
}

class FilesystemDriver implements StorageDriver {
  readonly name = NAME;
  readonly #parts: FilesystemParts;
  /** Links that were reported: each is once. */
  readonly #loops = new Set<string>();
  readonly #listings = new LargeListings();

  readonly staging: FilesystemStaging;

  constructor(parts: FilesystemParts) {
    this.#parts = parts;
    this.staging = new FilesystemStaging({ local: (path) => this.#localBelowRoot(path), files: parts.files });
  }

  get spoolDirectory(): string | undefined {
    return this.#parts.spoolDirectory;
  }

  async stat(path: string): Promise<FileInfo> {
    const info = await orNotFound(NAME, path, stat(this.#local(path)));
    const isDirectory = info.isDirectory();
    return { isDirectory, size: isDirectory ? 0 : info.size, modifiedAt: info.mtime };
  }

  async open(path: string): Promise<ByteSource> {
    const { file, size } = await this.#openFile(path);
    return new FileSource({ file, size, path, buffers: this.#parts.buffers });
  }

  async readSmall(path: string, maxBytes: number): Promise<Buffer> {
    const { file, size } = await this.#openFile(path);
    try {
      if (size > maxBytes) throw new FileTooLargeError(NAME, path, maxBytes);
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(size), 0, size, 0);
      if (bytesRead < size) throw new Error(`${path} is shorter than the ${size} bytes it had when it was opened`);
      return buffer;
    } finally {
      await file.close();
    }
  }

  async writeSmall(path: string, bytes: Uint8Array, { volatile }: WriteOptions = {}): Promise<void> {
    const local = this.#localBelowRoot(path);
    if (volatile) await orStorageError(writeFile(local, bytes));
    else await this.#parts.files.write(local, bytes);
  }

  async adopt(localFile: string, path: string): Promise<void> {
    await this.#parts.files.adopt(localFile, this.#localBelowRoot(path));
  }

  async list(path: string): Promise<readonly string[]> {
    const local = this.#local(path);
    return await this.#listings.list(local, () => this.#readNames(path, local));
  }

  async #readNames(path: string, local: string): Promise<string[]> {
    const entries = await orNotFound(NAME, path, readEntries(local));
    const loops = await findLoops(this.#parts.rootDirectory, local, entries);
    for (const name of loops) this.#reportLoop(join(local, name));
    const names = entries.map(({ name }) => name).filter((name) => !loops.has(name));
    // What others put there under names that are no paths (`lost+found` is one, `Zone Identifier` is not) is not ours.
    // Paths are ASCII, so this is code point order.
    return names.filter((name) => isPath(`/${name}`)).sort();
  }

  async move(from: string, to: string): Promise<void> {
    const source = this.#localBelowRoot(from);
    const target = this.#localBelowRoot(to);
    await this.stat(from);
    await orNotFound(NAME, from, this.#parts.files.move(source, target));
  }

  async delete(path: string): Promise<void> {
    const local = this.#localBelowRoot(path);
    if (await removeFlat(local)) return;
    // Retried when somebody writes into the directory at that moment.
    const removing = rm(local, { recursive: true, force: true, maxRetries: 10, retryDelay: 5 }).catch(unlessNotFound);
    await orStorageError(removing);
  }

  async deleteEmpty(path: string): Promise<boolean> {
    return await orStorageError(removeEmpty(this.#localBelowRoot(path)));
  }

  async isWritable(): Promise<boolean> {
    const parts = ['layover', ...PARTS].map((part) => access(join(this.#parts.rootDirectory, part), constants.W_OK));
    const refused = await Promise.allSettled(parts);
    return !refused.some((result) => result.status === 'rejected' && isReadOnly(result.reason));
  }

  async redirectUrl(): Promise<undefined> {
    return undefined;
  }

  async close(): Promise<void> {}

  /** Whoever calls closes the file. */
  async #openFile(path: string): Promise<{ file: FileHandle; size: number }> {
    const file = await orNotFound(NAME, path, open(this.#local(path), 'r'));
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
    this.#parts.log?.warn({ link }, 'storage: left out a link that leads back to a directory above it');
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

/** A link to a directory that is not there, such as one on a disk that is not mounted, is not a missing directory: there is content behind it. */
async function readEntries(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (err) {
    const isLink = errorCode(err) === 'ENOENT' && (await lstat(directory).catch(() => undefined))?.isSymbolicLink();
    throw isLink ? Object.assign(new Error(`${directory} is a link to nothing`), { code: 'ELOOP' }) : err;
  }
}

/** The quick way, for a directory that has only files in it. @returns false when it is not one; some of it may be gone */
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

/** The innermost first, each by a call that fails when something is in it. @returns whether nothing is left */
async function removeEmpty(directory: string): Promise<boolean> {
  if (await removeOne(directory)) return true;
  const entries = await opendir(directory).catch(unlessNotFound);
  // It is closed by the loop, also when that ends early: at the first file.
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
    // POSIX allows either of two for a directory that is not empty; a mount point is in use.
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR' || code === 'EBUSY') return false;
    throw err;
  }
}
