import { randomUUID } from 'node:crypto';
import { access, constants, open, stat } from 'node:fs/promises';
import { dirname, sep } from 'node:path';

import pLimit from 'p-limit';

import { errorCode, withStorageErrors } from './file-errors.ts';

/** Directories that are remembered. One that is forgotten is synced again. */
const MAX_REMEMBERED = 10_000;
/** Each sync has an open file. */
export const MAX_CONCURRENT_SYNCS = 64;

/** Directories, each with what distinguishes it from every other one that is or was at this path. */
type FoundDirectories = Map<string, string>;

/**
 * Makes the names of files durable, which are entries of directories. Writers that change a directory at the same time share
 * one sync of it.
 */
export class DirectorySyncs {
  readonly #root: string;
  /** Directories whose name would survive a power failure, with the names of all above. */
  readonly #durable: FoundDirectories = new Map();
  /** Outside the root, only these may not be durable. */
  readonly #createdOutside = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  /** Syncs that have not started: they include every change made until they do. */
  readonly #waiting = new Map<string, Promise<void>>();
  readonly #limit = pLimit(MAX_CONCURRENT_SYNCS);

  /**
   * @param root directories below it that this process has not made durable may not be: another one may have been killed, or have
   *   removed and created them again
   */
  constructor(root: string) {
    this.#root = root;
  }

  /** Called after a directory was created. */
  created(directory: string): void {
    if (!this.#isInside(directory)) this.#createdOutside.add(directory);
  }

  /**
   * Makes the names of files durable, with those of the directories above. Those that do not exist are left out.
   *
   * @throws {StorageUnavailableError} when the disk fails
   */
  async settle(files: Iterable<string>): Promise<void> {
    const changed = new Set([...files].map((file) => dirname(file)));
    const unsettled: FoundDirectories = new Map();
    await withStorageErrors(waitForAll([...changed].map((directory) => this.#findUnsettled(directory, unsettled))));
    const parents = new Set([...unsettled.keys()].map((directory) => dirname(directory)));
    const syncs = [...changed].map((directory) => this.#sync(directory));
    const others = [...parents].filter((parent) => !changed.has(parent)).map((parent) => this.#syncParent(parent));
    await withStorageErrors(waitForAll([...syncs, ...others]));
    for (const [directory, identity] of unsettled) this.#settled(directory, identity);
  }

  /** Adds a directory and those above it whose names may not be durable. When one is durable, those above it are too. */
  async #findUnsettled(start: string, unsettled: FoundDirectories): Promise<void> {
    for (let directory = start; directory !== dirname(directory); directory = dirname(directory)) {
      if (unsettled.has(directory)) return;
      if (!this.#isInside(directory) && !this.#createdOutside.has(directory)) continue;
      const identity = await identityOf(directory);
      if (identity !== undefined && this.#durable.get(directory) === identity) return;
      if (identity !== undefined) unsettled.set(directory, identity);
    }
  }

  #isInside(directory: string): boolean {
    return directory.startsWith(this.#root + sep);
  }

  #settled(directory: string, identity: string): void {
    this.#createdOutside.delete(directory);
    if (!this.#isInside(directory)) return;
    this.#durable.delete(directory); // the newest is the last one
    this.#durable.set(directory, identity);
    const [oldest] = this.#durable.keys();
    if (this.#durable.size > MAX_REMEMBERED && oldest !== undefined) this.#durable.delete(oldest);
  }

  /** A directory in which this process can create nothing may be one that it can only search. */
  async #syncParent(directory: string): Promise<void> {
    try {
      await this.#sync(directory);
    } catch (err) {
      if (errorCode(err) !== 'EACCES' || (await isWritable(directory))) throw err;
    }
  }

  #sync(directory: string): Promise<void> {
    const waiting = this.#waiting.get(directory) ?? this.#syncAfter(this.#running.get(directory), directory);
    this.#waiting.set(directory, waiting);
    return waiting;
  }

  async #syncAfter(running: Promise<void> | undefined, directory: string): Promise<void> {
    await running?.catch(() => {}); // its own callers get the error
    const sync = this.#limit(async () => {
      this.#waiting.delete(directory);
      await syncDirectory(directory);
    });
    this.#running.set(directory, sync);
    try {
      await sync;
    } finally {
      if (this.#running.get(directory) === sync) this.#running.delete(directory);
    }
  }
}

async function isWritable(directory: string): Promise<boolean> {
  return await access(directory, constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** Inodes are used again, so without a time of birth no directory is known. Undefined when there is none. */
async function identityOf(directory: string): Promise<string | undefined> {
  try {
    const { dev, ino, birthtimeNs } = await stat(directory, { bigint: true });
    return birthtimeNs === 0n ? randomUUID() : `${dev}.${ino}.${birthtimeNs}`;
  } catch (err) {
    if (errorCode(err) === 'ENOENT' || errorCode(err) === 'ENOTDIR') return undefined;
    throw err;
  }
}

/** Waits for all operations, which the disk can do at the same time. @throws the error of the first one that failed */
export async function waitForAll(works: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(works);
  await Promise.all(works);
}

/** Resolves also when the directory was deleted meanwhile: there is nothing to sync then. */
async function syncDirectory(directory: string): Promise<void> {
  await syncPath(directory).catch((err: unknown) => {
    if (errorCode(err) !== 'ENOENT') throw err;
  });
}

/** Makes the content of a file or directory durable. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
