import { randomUUID } from 'node:crypto';
import { constants, copyFile, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { errorCode, withStorageErrors } from './file-errors.ts';
import type { TemporaryDirectories } from './temporary-directories.ts';

/** Other processes may delete directories, or clear the temporary ones, during a write. */
const MAX_TRIES = 5;

/** Writes files that become visible as a whole, and survive a power failure from then on. */
export class DurableFiles {
  readonly #temporaries: TemporaryDirectories;
  /** Directories being created: no file may rely on one before it is durable. */
  readonly #making = new Map<string, Promise<void>>();

  constructor(temporaries: TemporaryDirectories) {
    this.#temporaries = temporaries;
  }

  /** @throws {StorageFullError | StorageReadOnlyError} after removing the temporary file */
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
   * @throws {StorageFullError | StorageReadOnlyError} the local file then still exists
   */
  async adopt(localFile: string, target: string): Promise<void> {
    await withStorageErrors(syncPath(localFile));
    await this.move(localFile, target);
  }

  /**
   * Renames a file, creating the directories of `to`. Copies it when `to` is on another file system; the copy becomes visible
   * as a whole. Fails with `ENOENT` when `from` does not exist.
   *
   * @throws {StorageFullError | StorageReadOnlyError} `from` then still exists
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
    await withStorageErrors(this.#renameInto(from, to));
    await syncDirectory(dirname(to));
  }

  /** Creates a directory and its parents, each durable in the one above. */
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
    // The parent may exist without being durable.
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
        await withStorageErrors(waitForAll([stage(temporary), this.makeDirectory(dirname(target))]));
        return await this.#renameDurably(temporary, target);
      } catch (err) {
        await rm(temporary, { force: true });
        const isElsewhere = errorCode(err) === 'EXDEV' && (await this.#temporaries.addFileSystemOf(dirname(target)));
        if (isElsewhere) continue;
        if (errorCode(err) !== 'ENOENT' || tries === MAX_TRIES) throw err;
        await withStorageErrors(this.makeDirectory(directory));
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

async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
