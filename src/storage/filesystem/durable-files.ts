import { randomUUID } from 'node:crypto';
import { constants, copyFile, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import pLimit from 'p-limit';

import { DirectorySyncs, MAX_CONCURRENT_SYNCS, syncPath, waitForAll } from './directory-syncs.ts';
import { errorCode, withStorageErrors } from './file-errors.ts';
import { SettledFiles } from './settled-files.ts';
import type { TemporaryDirectories } from './temporary-directories.ts';

/** Other processes may delete directories, or clear the temporary ones, during a write. */
const MAX_TRIES = 5;

export interface PlaceOptions {
  /** Without it, a power failure may leave a file that was not there before with other bytes. @default true */
  readonly isSynced?: boolean;
}

/**
 * Writes files that become visible as a whole. A file that is *placed* has durable bytes, under a name that a power failure may
 * still undo until it is {@link settle settled}: the previous file, or none, is then at that name.
 */
export class DurableFiles {
  readonly #temporaries: TemporaryDirectories;
  readonly #directories: DirectorySyncs;
  readonly #settled = new SettledFiles();

  constructor(root: string, temporaries: TemporaryDirectories) {
    this.#temporaries = temporaries;
    this.#directories = new DirectorySyncs(root);
  }

  /** @throws {StorageFullError | StorageReadOnlyError} after removing the temporary file */
  async write(target: string, bytes: Uint8Array): Promise<void> {
    await this.place(target, bytes);
    await this.settle([target]);
  }

  /** @throws {StorageFullError | StorageReadOnlyError} after removing the temporary file */
  async place(target: string, bytes: Uint8Array, { isSynced = true }: PlaceOptions = {}): Promise<void> {
    await this.#publish(target, async (temporary) =>
      writeNew(temporary, bytes, isSynced || (await this.isThere(target))),
    );
  }

  /** Writes the temporary file of a later {@link show}. The caller shows or removes it. */
  async stage(target: string, bytes: Uint8Array, { isSynced = true }: PlaceOptions = {}): Promise<string> {
    const temporary = join(this.#temporaries.of(target), randomUUID());
    try {
      await writeNew(temporary, bytes, isSynced);
      return temporary;
    } catch (err) {
      await rm(temporary, { force: true });
      throw err;
    }
  }

  /** Places a file of {@link stage}, with the same options. @throws {Error} of the system, for which {@link place} may have a remedy */
  async show(temporary: string, target: string, { isSynced = true }: PlaceOptions = {}): Promise<void> {
    if (!isSynced && (await this.isThere(target))) await syncPath(temporary);
    await this.#renameInto(temporary, target);
  }

  /**
   * Places a local file whose bytes may not be durable. Removes it when the disk fails: the system reports bytes that it could not write
   * only once, and the next sync would succeed without them.
   *
   * @throws {StorageFullError | StorageReadOnlyError} the local file then still exists
   */
  async adopt(localFile: string, target: string): Promise<void> {
    const syncing = syncPath(localFile).catch(async (err: unknown) => {
      if (errorCode(err) === 'EIO') await rm(localFile, { force: true });
      throw err;
    });
    await withStorageErrors(syncing);
    await this.move(localFile, target);
  }

  /**
   * Places a file by a rename, creating the directories of `to`. Copies it when `to` is on another file system; the copy becomes
   * visible as a whole. Fails with `ENOENT` when `from` does not exist.
   *
   * @throws {StorageFullError | StorageReadOnlyError} `from` then still exists
   */
  async move(from: string, to: string): Promise<void> {
    try {
      await withStorageErrors(this.#renameInto(from, to));
    } catch (err) {
      if (errorCode(err) !== 'EXDEV') throw err;
      await this.#publish(to, async (temporary) => {
        await copyFile(from, temporary, constants.COPYFILE_EXCL);
        await syncPath(temporary);
      });
      await rm(from, { force: true });
    }
  }

  /** Whether a file would be replaced, which may be durable. */
  async isThere(target: string): Promise<boolean> {
    return (await this.#settled.find([target])).size > 0;
  }

  /** Makes the names of placed files durable. Files that do not exist are left out. */
  async settle(targets: readonly string[]): Promise<void> {
    const found = await this.#settled.find(targets);
    await this.#directories.settle(targets);
    this.#settled.remember(found);
  }

  /**
   * Makes files durable that may have been placed by another process, or by this one without success in settling them. Files that do
   * not exist are left out.
   */
  async secure(files: readonly string[]): Promise<void> {
    const unsettled = this.#settled.unsettledOf(await this.#settled.find(files));
    const paths = [...unsettled.keys()];
    await waitForAll([this.#directories.settle(paths), syncExisting(paths)]);
    this.#settled.remember(unsettled);
  }

  /** Creates a directory and its parents. They become durable with the first file in them that does. */
  async makeDirectory(directory: string): Promise<void> {
    const parent = dirname(directory);
    for (let tries = 1; ; tries++) {
      try {
        await mkdir(directory);
        return this.#directories.created(directory);
      } catch (err) {
        if (errorCode(err) === 'EEXIST') return;
        if (errorCode(err) !== 'ENOENT' || parent === directory || tries === MAX_TRIES) throw err;
        await this.makeDirectory(parent);
      }
    }
  }

  /** `stage` writes a temporary file that does not exist yet. */
  async #publish(target: string, stage: (temporary: string) => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries++) {
      const directory = this.#temporaries.of(target);
      const temporary = join(directory, randomUUID());
      try {
        await withStorageErrors(waitForAll([stage(temporary), this.makeDirectory(dirname(target))]));
        return await withStorageErrors(this.#renameInto(temporary, target));
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
        return await rename(from, to);
      } catch (err) {
        if (errorCode(err) !== 'ENOENT' || tries === MAX_TRIES) throw err;
        await this.makeDirectory(dirname(to));
      }
    }
  }
}

/** Makes the bytes of files durable. One that was deleted meanwhile is left out. */
async function syncExisting(files: readonly string[]): Promise<void> {
  await pLimit(MAX_CONCURRENT_SYNCS).map(files, async (file) => {
    await withStorageErrors(syncPath(file)).catch((err: unknown) => {
      if (errorCode(err) !== 'ENOENT') throw err;
    });
  });
}

async function writeNew(temporary: string, bytes: Uint8Array, isSynced: boolean): Promise<void> {
  const file = await open(temporary, 'wx');
  try {
    await file.writeFile(bytes);
    if (isSynced) await file.sync();
  } finally {
    await file.close();
  }
}
