import { copyFile, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { PathNotFoundError } from './driver.ts';
import type { DurableFiles } from './durable-files.ts';
import { errorCode, orNotFound, orStorageFull } from './file-errors.ts';
import { FilesystemStagedFile } from './filesystem-staged-file.ts';
import { createHolderName, isHolderName, stateOfHolder } from './holder-name.ts';
import { type StagedFile, StagedFileHeldError, type StagingArea } from './staging.ts';

const NAME = 'filesystem';

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
  readonly minPieceBytes = 0;
  readonly #options: FilesystemStagingOptions;

  constructor(options: FilesystemStagingOptions) {
    this.#options = options;
  }

  async create(path: string): Promise<void> {
    const local = this.#options.local(path);
    const directory = dirname(local);
    await orStorageFull(this.#makeDirectory(directory));
    await orStorageFull(writeFile(local, '', { flag: 'wx' }));
  }

  async size(path: string): Promise<number> {
    const local = this.#options.local(path);
    for (;;) {
      const kept = await sizeOf(local);
      if (kept !== undefined) return kept;
      const [name] = await this.#holders(path);
      if (name === undefined) throw new PathNotFoundError(NAME, path);
      const held = await sizeOf(join(dirname(local), name));
      if (held !== undefined) return held; // otherwise it was let go in between
    }
  }

  async hold(path: string): Promise<StagedFile> {
    const local = this.#options.local(path);
    const held = join(dirname(local), createHolderName());
    const isKept = await renamed(local, held);
    if (!isKept) await this.#takeOver(path, held);
    const file = await open(held, 'r+').catch((err: unknown) => {
      throw errorCode(err) === 'ENOENT' ? new PathNotFoundError(NAME, path) : err;
    });
    return await FilesystemStagedFile.start({ ...this.#options, path, place: local, held, file, isSynced: isKept });
  }

  /** Of a process that is dead, or may be: what the latter still writes is not to be seen, so its bytes are copied. */
  async #takeOver(path: string, held: string): Promise<void> {
    const [name] = await this.#holders(path);
    if (name === undefined) throw new PathNotFoundError(NAME, path);
    const theirs = join(dirname(held), name);
    const info = await stat(theirs).catch(() => undefined);
    const state = info && stateOfHolder(name, Math.max(info.mtimeMs, info.ctimeMs), Date.now());
    if (state === undefined || state === 'alive') throw new StagedFileHeldError(path);
    const mine = state === 'ended' ? held : join(dirname(held), createHolderName());
    if (!(await renamed(theirs, mine))) throw new StagedFileHeldError(path);
    if (state === 'ended') return;
    try {
      await orStorageFull(copyFile(mine, held));
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
