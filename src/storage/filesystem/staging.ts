import { copyFile, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { PathNotFoundError } from '../driver.ts';
import type { DurableFiles } from './durable-files.ts';
import { errorCode, withReadErrors, withStorageErrors } from './file-errors.ts';
import { FilesystemStagedFile } from './staged-file.ts';
import { createHolderName, isHolderName, stateOfHolder } from './holder-name.ts';
import { type StagedFile, StagedFileHeldError, type StagingArea } from '../staging.ts';

const NAME = 'filesystem';
/** Attempts to create a file in a directory that another process may remove. */
const MAX_TRIES = 4;
/** Longer than the steps in which a file system counts the time of a change. Milliseconds. */
const SETTLE_MS = 20;
/** Searches for one file in a directory that keeps changing. */
const MAX_SEARCHES = 100;

export interface FilesystemStagingOptions {
  /** Translates a path to a local one. @throws {InvalidPathError} */
  readonly local: (path: string) => string;
  readonly files: DurableFiles;
  /** False: nothing is synced. */
  readonly isDurable: boolean;
}

/**
 * A process holds a file by renaming it, which only one can do. The new name identifies the process, so that a file whose
 * holder was killed can be distinguished from one that is being written.
 */
export class FilesystemStaging implements StagingArea {
  readonly minChunkBytes = 0;
  readonly isRemote = false;
  readonly #options: FilesystemStagingOptions;
  readonly #synced = new Set<string>();

  constructor(options: FilesystemStagingOptions) {
    this.#options = options;
  }

  async create(path: string): Promise<void> {
    const local = this.#options.local(path);
    for (let tries = 1; ; tries++) {
      try {
        await withStorageErrors(this.#makeDirectory(dirname(local)));
        return await withStorageErrors(writeFile(local, '', { flag: 'wx' }));
      } catch (err) {
        // Another process may remove empty directories at the same time.
        if (errorCode(err) !== 'ENOENT' || tries === MAX_TRIES) throw err;
      }
    }
  }

  async size(path: string): Promise<number> {
    const local = this.#options.local(path);
    return this.#search(path, async () => {
      const kept = await sizeOf(local);
      if (kept !== undefined) return kept;
      const [holder] = await this.#holders(path);
      return holder === undefined ? undefined : sizeOf(join(dirname(local), holder));
    });
  }

  hold(path: string): Promise<StagedFile> {
    return withStorageErrors(this.#hold(path));
  }

  async #hold(path: string): Promise<StagedFile> {
    const local = this.#options.local(path);
    const held = join(dirname(local), createHolderName());
    await this.#take(path, held);
    try {
      const file = await open(held, 'r+');
      return await FilesystemStagedFile.start({
        ...this.#options,
        synced: this.#synced,
        path,
        place: local,
        held,
        file,
      });
    } catch (err) {
      if (errorCode(err) === 'ENOENT') throw new PathNotFoundError(NAME, path); // deleted meanwhile
      await renamed(held, local);
      throw err;
    }
  }

  /** Renames the file to `held`, from its own name or that of a holder that has ended. */
  async #take(path: string, held: string): Promise<void> {
    await this.#search(path, async () => {
      if (await renamed(this.#options.local(path), held)) return true;
      const [holder] = await this.#holders(path);
      if (holder === undefined) return undefined;
      await this.#takeOver(path, { holder, held });
      return true;
    });
  }

  /**
   * A file that is being taken or released can be missed under both names. It is missing when a search found nothing in a
   * directory that did not change meanwhile.
   *
   * @param look returns undefined when it found nothing
   * @throws {PathNotFoundError}
   */
  async #search<T>(path: string, look: () => Promise<T | undefined>): Promise<T> {
    const directory = dirname(this.#options.local(path));
    let changed: bigint | undefined;
    for (let searches = 1; searches <= MAX_SEARCHES; searches++) {
      const found = await look();
      if (found !== undefined) return found;
      const { mtimeNs } = await withReadErrors(NAME, path, stat(directory, { bigint: true }));
      if (mtimeNs === changed) break;
      changed = mtimeNs;
      await setTimeout(SETTLE_MS);
    }
    throw new PathNotFoundError(NAME, path);
  }

  /**
   * Takes a file over from a process that has ended or seems to have. In the second case the file is copied, so that bytes
   * which that process may still write have no effect.
   */
  async #takeOver(path: string, { holder, held }: { holder: string; held: string }): Promise<void> {
    const theirs = join(dirname(held), holder);
    const info = await stat(theirs).catch(() => undefined);
    const state = info && stateOfHolder(holder, Math.max(info.mtimeMs, info.ctimeMs), Date.now());
    if (state === undefined || state === 'alive') throw new StagedFileHeldError(path);
    const mine = state === 'ended' ? held : join(dirname(held), createHolderName());
    if (!(await renamed(theirs, mine))) throw new StagedFileHeldError(path);
    if (state === 'ended') return;
    try {
      await withStorageErrors(copyFile(mine, held));
    } catch (err) {
      await rm(held, { force: true });
      await renamed(mine, theirs);
      throw err;
    }
    await rm(mine, { force: true });
  }

  async #holders(path: string): Promise<string[]> {
    const names = await withReadErrors(NAME, path, readdir(dirname(this.#options.local(path))));
    return names.filter(isHolderName);
  }

  async #makeDirectory(directory: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await mkdir(directory);
        return;
      } catch (err) {
        if (errorCode(err) === 'EEXIST') return;
        if (errorCode(err) !== 'ENOENT' || tries === 3) throw err;
        await this.#options.files.makeDirectory(dirname(directory));
      }
    }
  }
}

/** @returns false when `from` does not exist */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (err) {
    if (errorCode(err) === 'ENOENT' || errorCode(err) === 'ENOTDIR') return false;
    throw err;
  }
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size;
  } catch (err) {
    if (errorCode(err) === 'ENOENT' || errorCode(err) === 'ENOTDIR') return undefined;
    throw err;
  }
}
