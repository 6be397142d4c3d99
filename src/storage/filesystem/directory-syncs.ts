import { open } from 'node:fs/promises';
import { dirname, sep } from 'node:path';

import { errorCode, withStorageErrors } from './file-errors.ts';

/** Directories that are remembered of each kind. One that is forgotten is synced again. */
const MAX_REMEMBERED = 10_000;

/**
 * Makes the names of files durable, which are entries of directories. Writers that change a directory at the same time share
 * one sync of it.
 */
export class DirectorySyncs {
  readonly #root: string;
  /** Directories whose name would survive a power failure. */
  readonly #durable = new Set<string>();
  /** The creation of each directory whose name may not be durable. */
  readonly #creations = new Map<string, object>();
  readonly #running = new Map<string, Promise<void>>();
  /** Syncs that have not started: they include every change made until they do. */
  readonly #waiting = new Map<string, Promise<void>>();

  /** @param root directories below it that this process did not create may not be durable: another one may have been killed */
  constructor(root: string) {
    this.#root = root;
  }

  /** Called after a directory was created. */
  created(directory: string): void {
    this.#durable.delete(directory);
    this.#creations.delete(directory); // the newest is the last one
    this.#creations.set(directory, {});
    dropOldest(this.#creations);
  }

  /** Called after a directory was removed. @param isFlat it had no directories in it */
  removed(directory: string, { isFlat }: { readonly isFlat: boolean }): void {
    this.#durable.delete(directory);
    if (isFlat) return;
    for (const each of this.#durable) if (each.startsWith(directory + sep)) this.#durable.delete(each);
  }

  /**
   * Makes the names of files durable, with those of the directories above.
   *
   * @throws {StorageUnavailableError} when the disk fails
   */
  async settle(files: Iterable<string>): Promise<void> {
    const changed = new Set([...files].map((file) => dirname(file)));
    const unsettled = new Map([...changed].flatMap((directory) => this.#unsettledFrom(directory)));
    const parents = new Set<string>();
    for (const [directory, creation] of unsettled) (creation ? changed : parents).add(dirname(directory));
    const syncs = [...changed].map((directory) => this.#sync(directory));
    const others = [...parents].filter((parent) => !changed.has(parent)).map((parent) => this.#sync(parent));
    await withStorageErrors(waitForAll([...syncs, ...others.map((sync) => sync.catch(unlessUnreadable))]));
    for (const [directory, creation] of unsettled) this.#settled(directory, creation);
  }

  /** A directory and those above it whose names may not be durable, each with its creation by this process. */
  #unsettledFrom(start: string): [string, object | undefined][] {
    const unsettled: [string, object | undefined][] = [];
    for (let directory = start; directory !== dirname(directory); directory = dirname(directory)) {
      const creation = this.#creations.get(directory);
      const isUnknown = directory.startsWith(this.#root + sep) && !this.#durable.has(directory);
      if (creation !== undefined || isUnknown) unsettled.push([directory, creation]);
    }
    return unsettled;
  }

  #settled(directory: string, creation: object | undefined): void {
    if (this.#creations.get(directory) !== creation) return; // created again meanwhile
    this.#creations.delete(directory);
    this.#durable.add(directory);
    dropOldest(this.#durable);
  }

  #sync(directory: string): Promise<void> {
    const waiting = this.#waiting.get(directory) ?? this.#syncAfter(this.#running.get(directory), directory);
    this.#waiting.set(directory, waiting);
    return waiting;
  }

  async #syncAfter(running: Promise<void> | undefined, directory: string): Promise<void> {
    await running?.catch(() => {}); // its own callers get the error
    this.#waiting.delete(directory);
    const sync = syncDirectory(directory);
    this.#running.set(directory, sync);
    try {
      await sync;
    } finally {
      if (this.#running.get(directory) === sync) this.#running.delete(directory);
    }
  }
}

function dropOldest(remembered: Set<string> | Map<string, object>): void {
  const [oldest] = remembered.keys();
  if (remembered.size > MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
}

/** Waits for all operations, which the disk can do at the same time. @throws the error of the first one that failed */
export async function waitForAll(works: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(works);
  await Promise.all(works);
}

/** A directory in which this process created nothing may be one that it can only search. */
function unlessUnreadable(err: unknown): void {
  if (errorCode(err) !== 'EACCES') throw err;
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
