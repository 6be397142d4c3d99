import { randomUUID } from 'node:crypto';
import { constants, copyFile, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { errorCode, orStorageError } from './file-errors.ts';
import type { TemporaryDirectories } from './temporary-directories.ts';

/** Somebody may delete directories, or clear the temporary ones, while we put a file there. */
const MAX_TRIES = 5;

/** Puts files into place so that they are seen whole or not at all, and survive a power cut once they are seen. */
export class DurableFiles {
  readonly #temporaries: TemporaryDirectories;
  /** Directories being made, so that nobody relies on one that is not durable yet. */
  readonly #making = new Map<string, Promise<void>>();

  constructor(temporaries: TemporaryDirectories) {
    this.#temporaries = temporaries;
  }

  /** @throws {StorageFullError | StorageReadOnlyError} and then nothing is left behind */
  async write(target: string, bytes: Uint8Array): Promise<void> {
    await this.#publish(target, async (temporary) => {
      const file = await open(temporary, 'wx');
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
    });
  }

  /**
   * Moves a local file to `target`.
   *
   * @throws {StorageFullError | StorageReadOnlyError} and then the local file is still there
   */
  async adopt(localFile: string, target: string): Promise<void> {
    await orStorageError(syncPath(localFile));
    await this.move(localFile, target);
  }

  /**
   * Renames, making the directories of `to`; copies a file to another file system, in one step for those who look. Fails with `ENOENT` when
   * `from` is not there.
   *
   * @throws {StorageFullError | StorageReadOnlyError} and then `from` is still there
   */
  async move(from: string, to: string): Promise<void> {
    try {
      await this.#renameDurably(from, to);
    } catch (err) {
      if (errorCode(err) !== 'EXDEV') throw err;
      await this.#publish(to, async (temporary) => {
        await copyFile(from, temporary, constants.COPYFILE_EXCL);
        await syncPath(temporary);
      });
      await rm(from, { force: true });
    }
  }

  async #renameDurably(from: string, to: string): Promise<void> {
    await orStorageError(this.#renameInto(from, to));
    await syncDirectory(dirname(to));
  }

  /** With its parents, each durable in the one above. */
  async makeDirectory(directory: string): Promise<void> {
    const making = this.#making.get(directory) ?? this.#make(directory);
    this.#making.set(directory, making);
    try {
      await making;
    } finally {
      if (this.#making.get(directory) === making) this.#making.delete(directory);
    }
  }

  async #make(directory: string): Promise<void> {
    const parent = dirname(directory);
    // It may be there already and not be durable yet.
    await this.#making.get(parent);
    for (let tries = 1; ; tries++) {
      try {
        await mkdir(directory);
        break;
      } catch (err) {
        if (errorCode(err) === 'EEXIST' && tries === 1) return;
        if (errorCode(err) === 'EEXIST') break;
        if (errorCode(err) !== 'ENOENT' || parent === directory || tries === MAX_TRIES) throw err;
        await this.makeDirectory(parent);
      }
    }
    await syncDirectory(parent);
  }

  /** `stage` writes a temporary file that does not exist yet and leaves it durable. */
  async #publish(target: string, stage: (temporary: string) => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries++) {
      const directory = this.#temporaries.of(target);
      const temporary = join(directory, randomUUID());
      try {
        await orStorageError(allDone([stage(temporary), this.makeDirectory(dirname(target))]));
        return await this.#renameDurably(temporary, target);
      } catch (err) {
        await rm(temporary, { force: true });
        const isElsewhere = errorCode(err) === 'EXDEV' && (await this.#temporaries.learn(dirname(target)));
        if (isElsewhere) continue;
        if (errorCode(err) !== 'ENOENT' || tries === MAX_TRIES) throw err;
        await orStorageError(this.makeDirectory(directory));
      }
    }
  }

  async #renameInto(from: string, to: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#making.get(dirname(to));
        return await rename(from, to);
      } catch (err) {
        if (errorCode(err) !== 'ENOENT' || tries === MAX_TRIES) throw err;
        await this.makeDirectory(dirname(to));
      }
    }
  }
}

/** Waits for all, so that a disk can do them at once: each may be a wait for it. @throws what the first of them failed with */
export async function allDone(works: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(works);
  await Promise.all(works);
}

/** Resolves also when the directory has been deleted meanwhile: then there is nothing to keep. */
async function syncDirectory(directory: string): Promise<void> {
  await syncPath(directory).catch((err: unknown) => {
    if (errorCode(err) !== 'ENOENT') throw err;
  });
}

async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
