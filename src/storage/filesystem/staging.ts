import { copyFile, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { PathNotFoundError } from '../driver.ts';
import type { DurableFiles } from './durable-files.ts';
import { errorCode, orNotFound, orStorageError } from './file-errors.ts';
import { FilesystemStagedFile } from './staged-file.ts';
import { createHolderName, isHolderName, stateOfHolder } from './holder-name.ts';
import { type StagedFile, StagedFileHeldError, type StagingArea } from '../staging.ts';

const NAME = 'filesystem';
/** Looks that find nothing, in a row, until there is nothing: a file that is taken or let go meanwhile is at neither place. */
const MAX_TRIES = 4;

export interface FilesystemStagingOptions {
  /** The local file of a path. @throws {InvalidPathError} */
  readonly local: (path: string) => string;
  readonly files: DurableFiles;
}

/**
 * To hold a file is to have renamed it: only one can. The name says who has it, so that the file of a process that was
 * killed can be told from one that is being written.
 */
export class FilesystemStaging implements StagingArea {
  readonly minChunkBytes = 0;
  readonly isRemote = false;
  readonly #options: FilesystemStagingOptions;

  constructor(options: FilesystemStagingOptions) {
    this.#options = options;
  }

  async create(path: string): Promise<void> {
    const local = this.#options.local(path);
    for (let tries = 1; ; tries++) {
      try {
        await orStorageError(this.#makeDirectory(dirname(local)));
        return await orStorageError(writeFile(local, '', { flag: 'wx' }));
      } catch (err) {
        // Somebody removes directories in which nothing is.
        if (errorCode(err) !== 'ENOENT' || tries === MAX_TRIES) throw err;
      }
    }
  }

  async size(path: string): Promise<number> {
    const local = this.#options.local(path);
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const kept = await sizeOf(local);
      if (kept !== undefined) return kept;
      const [holder] = await this.#holders(path);
      const written = holder === undefined ? undefined : await sizeOf(join(dirname(local), holder));
      if (written !== undefined) return written;
    }
    throw new PathNotFoundError(NAME, path);
  }

  hold(path: string): Promise<StagedFile> {
    return orStorageError(this.#hold(path));
  }

  async #hold(path: string): Promise<StagedFile> {
    const local = this.#options.local(path);
    const held = join(dirname(local), createHolderName());
    const isKept = await this.#take(path, held);
    try {
      const file = await open(held, 'r+');
      return await FilesystemStagedFile.start({ ...this.#options, path, place: local, held, file, isSynced: isKept });
    } catch (err) {
      if (errorCode(err) === 'ENOENT') throw new PathNotFoundError(NAME, path); // deleted just now
      await renamed(held, local);
      throw err;
    }
  }

  /** @returns false when it was taken from a process that has ended */
  async #take(path: string, held: string): Promise<boolean> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      if (await renamed(this.#options.local(path), held)) return true;
      const [holder] = await this.#holders(path);
      if (holder === undefined) continue;
      await this.#takeOver(path, { holder, held });
      return false;
    }
    throw new PathNotFoundError(NAME, path);
  }

  /** Of a process that is dead, or may be: what the latter still writes is not to be seen, so its bytes are copied. */
  async #takeOver(path: string, { holder, held }: { holder: string; held: string }): Promise<void> {
    const theirs = join(dirname(held), holder);
    const info = await stat(theirs).catch(() => undefined);
    const state = info && stateOfHolder(holder, Math.max(info.mtimeMs, info.ctimeMs), Date.now());
    if (state === undefined || state === 'alive') throw new StagedFileHeldError(path);
    const mine = state === 'ended' ? held : join(dirname(held), createHolderName());
    if (!(await renamed(theirs, mine))) throw new StagedFileHeldError(path);
    if (state === 'ended') return;
    try {
      await orStorageError(copyFile(mine, held));
    } catch (err) {
      await rm(held, { force: true });
      await renamed(mine, theirs);
      throw err;
    }
    await rm(mine, { force: true });
  }

  async #holders(path: string): Promise<string[]> {
    const names = await orNotFound(NAME, path, readdir(dirname(this.#options.local(path))));
    return names.filter(isHolderName);
  }

  /** Its parents durably, as content will rely on them; itself not. */
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

/** @returns false when there is nothing to rename */
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
