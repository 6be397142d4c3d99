import { rm } from 'node:fs/promises';

import type { WriteBatch } from '../driver.ts';
import type { StagedFile } from '../staging.ts';
import { waitForAll } from './directory-syncs.ts';
import type { DurableFiles } from './durable-files.ts';

export interface FilesystemBatchOptions {
  readonly files: DurableFiles;
  /** Translates a path to a local one. @throws {InvalidPathError} */
  readonly local: (path: string) => string;
  /** False: only files that replace others are synced, and a power failure may undo or damage the others. */
  readonly isDurable: boolean;
}

/** The writes of one batch. The bytes of each file are synced before it becomes visible; the directories of all at the end. */
export class FilesystemBatch implements WriteBatch {
  readonly #options: FilesystemBatchOptions;
  /** Temporary files by the local path that each is for; undefined for one that could not be written. */
  readonly #prepared = new Map<string, Promise<string | undefined>>();
  readonly #placed = new Set<string>();
  readonly #reliedOn = new Set<string>();

  constructor(options: FilesystemBatchOptions) {
    this.#options = options;
  }

  prepare(path: string, bytes: Uint8Array): void {
    const { files, local, isDurable } = this.#options;
    const target = local(path);
    if (this.#prepared.has(target)) return;
    // Writing it again reports the failure.
    this.#prepared.set(
      target,
      files.stage(target, bytes, { isSynced: isDurable }).catch(() => undefined),
    );
  }

  async writeSmall(path: string, bytes: Uint8Array): Promise<void> {
    const { files, local, isDurable } = this.#options;
    const target = local(path);
    this.#placed.add(target);
    if (!(await this.#showPrepared(target, isDurable))) await files.place(target, bytes, { isSynced: isDurable });
  }

  async publish(staged: StagedFile, path: string): Promise<void> {
    await staged.publish(path, { inBatch: true });
    this.#placed.add(this.#options.local(path));
  }

  relyOn(path: string): void {
    this.#reliedOn.add(this.#options.local(path));
  }

  async settle(paths: readonly string[] = []): Promise<void> {
    const { files, isDurable } = this.#options;
    for (const path of paths) this.relyOn(path);
    const placed = [...this.#placed];
    const reliedOn = [...this.#reliedOn].filter((file) => !this.#placed.has(file));
    this.#placed.clear();
    this.#reliedOn.clear();
    if (!isDurable) return;
    await waitForAll([files.settle(placed), files.secure(reliedOn)]);
  }

  /** Removes files that were prepared and not written. Never fails. */
  async discard(): Promise<void> {
    const left = (await Promise.all(this.#prepared.values())).filter((temporary) => temporary !== undefined);
    await Promise.all(left.map((temporary) => rm(temporary, { force: true }).catch(() => {})));
  }

  async #showPrepared(target: string, isSynced: boolean): Promise<boolean> {
    const temporary = await this.#prepared.get(target);
    if (temporary === undefined) return false;
    this.#prepared.delete(target);
    try {
      await this.#options.files.show(temporary, target, { isSynced });
      return true;
    } catch {
      await rm(temporary, { force: true }).catch(() => {});
      return false;
    }
  }
}
