import { randomUUID } from 'node:crypto';
import { type FileHandle, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { TierCopy, type TierKey } from './tier-copy.ts';

export interface TierFilesOptions {
  readonly directory: string;
  /** Bytes that all copies may take, with those being written. */
  readonly maxBytes: number;
}

interface Copy {
  readonly path: string;
  readonly size: number;
}

// The size is in the name, so that a file that lost its end in a power cut is known for what it is.
const NAME = /^([a-z0-9]+)-([0-9a-f]{32,})\.(\d+)$/;
const TEMPORARY = 'tmp-';

/** Files on a local disk up to a number of bytes; the one not used for the longest time goes first. */
export class TierFiles {
  readonly #options: TierFilesOptions;
  /** In the order of their last use. */
  readonly #copies = new Map<string, Copy>();
  #bytes = 0;
  /** Bytes set aside for copies being written. */
  #reserved = 0;

  private constructor(options: TierFilesOptions) {
    this.#options = options;
  }

  /** Makes the directory, takes over the copies that lie there, and removes what an earlier process did not finish. */
  static async open(options: TierFilesOptions): Promise<TierFiles> {
    await mkdir(options.directory, { recursive: true });
    const files = new TierFiles(options);
    const found = await Promise.all((await readdir(options.directory)).map((name) => files.#inspect(name)));
    const copies = found.filter((copy) => copy !== undefined).sort((a, b) => a.usedAt - b.usedAt);
    for (const { id, path, size } of copies) files.#add(id, { path, size });
    await files.#makeRoom(0);
    return files;
  }

  /** Whoever calls closes the file. Undefined when there is no copy. */
  async open(key: TierKey): Promise<{ file: FileHandle; size: number; path: string } | undefined> {
    const id = idOf(key);
    const copy = this.#copies.get(id);
    if (!copy) return undefined;
    this.#copies.delete(id);
    this.#copies.set(id, copy);
    try {
      const file = await open(copy.path, 'r');
      const now = new Date();
      // For the order of use after a restart.
      await file.utimes(now, now).catch(() => {});
      return { file, size: copy.size, path: copy.path };
    } catch {
      this.#forget(id); // somebody has removed it
      return undefined;
    }
  }

  has(key: TierKey): boolean {
    return this.#copies.has(idOf(key));
  }

  /** Room for a copy that is about to be written. Undefined when it is too large to be kept. */
  async startCopy(key: TierKey, size: number): Promise<TierCopy | undefined> {
    if (this.has(key) || !(await this.#reserve(size))) return undefined;
    try {
      const path = this.#temporaryPath();
      return new TierCopy({
        file: await open(path, 'wx'),
        path,
        key,
        size,
        keep: () => this.#keep(key, path, size),
        release: () => void (this.#reserved -= size),
      });
    } catch (err) {
      this.#reserved -= size;
      throw err;
    }
  }

  /**
   * A second name for a verified local file, on the same file system.
   *
   * @returns what makes it a copy, and what forgets it; undefined when it cannot be kept
   */
  async startLink(
    key: TierKey,
    localFile: string,
  ): Promise<{ keep(): Promise<void>; discard(): Promise<void> } | undefined> {
    const { size } = await stat(localFile);
    if (this.has(key) || !(await this.#reserve(size))) return undefined;
    const path = this.#temporaryPath();
    const release = async (work: Promise<void>) => await work.finally(() => void (this.#reserved -= size));
    try {
      await link(localFile, path);
    } catch {
      this.#reserved -= size;
      return undefined; // another file system, or one without links: the first read makes the copy
    }
    return {
      keep: () => release(this.#keep(key, path, size)),
      discard: () => release(rm(path, { force: true })),
    };
  }

  async delete(key: TierKey): Promise<void> {
    const copy = this.#forget(idOf(key));
    if (copy) await rm(copy.path, { force: true });
  }

  async #keep(key: TierKey, temporary: string, size: number): Promise<void> {
    const path = join(this.#options.directory, `${idOf(key)}.${size}`);
    await rename(temporary, path);
    this.#forget(idOf(key));
    this.#add(idOf(key), { path, size });
  }

  async #reserve(size: number): Promise<boolean> {
    if (this.#reserved + size > this.#options.maxBytes) return false;
    this.#reserved += size;
    await this.#makeRoom(0);
    return true;
  }

  async #makeRoom(bytes: number): Promise<void> {
    for (const [id, { path }] of this.#copies) {
      if (this.#bytes + this.#reserved + bytes <= this.#options.maxBytes) return;
      this.#forget(id);
      await rm(path, { force: true }); // who has it open reads on
    }
  }

  #add(id: string, copy: Copy): void {
    this.#copies.set(id, copy);
    this.#bytes += copy.size;
  }

  #forget(id: string): Copy | undefined {
    const copy = this.#copies.get(id);
    if (copy && this.#copies.delete(id)) this.#bytes -= copy.size;
    return copy;
  }

  #temporaryPath(): string {
    return join(this.#options.directory, `${TEMPORARY}${randomUUID()}`);
  }

  async #inspect(name: string): Promise<(Copy & { id: string; usedAt: number }) | undefined> {
    const path = join(this.#options.directory, name);
    const [, algorithm, hex, length] = NAME.exec(name) ?? [];
    const info = await stat(path).catch(() => undefined);
    const isWhole = info?.isFile() && info.size === Number(length);
    if (algorithm !== undefined && hex !== undefined && info && isWhole) {
      return { id: idOf({ algorithm, hex }), path, size: info.size, usedAt: info.mtimeMs };
    }
    if (name.startsWith(TEMPORARY) || algorithm !== undefined) await rm(path, { force: true });
    return undefined;
  }
}

function idOf({ algorithm, hex }: TierKey): string {
  return `${algorithm}-${hex}`;
}
