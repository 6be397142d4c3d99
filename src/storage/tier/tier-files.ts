import { randomUUID } from 'node:crypto';
import { type FileHandle, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { TierCopy, type TierKey } from './tier-copy.ts';

export interface TierFilesOptions {
  /** Local directory of the copies. */
  readonly directory: string;
  /** Limit for all copies together, including those being written. Bytes. */
  readonly maxBytes: number;
}

interface Copy {
  readonly path: string;
  readonly size: number;
}

// The size is in the name, so that a file that a power failure truncated can be recognized.
const NAME = /^([a-z0-9]+)-([0-9a-f]{32,})\.(\d+)$/;
const TEMPORARY = 'tmp-';

/** Copies of blobs on a local disk, up to a number of bytes; the least recently used one is evicted first. */
export class TierFiles {
  readonly #options: TierFilesOptions;
  /** In the order of their last use. */
  readonly #copies = new Map<string, Copy>();
  #bytes = 0;
  /** Bytes reserved for copies being written. */
  #reserved = 0;

  private constructor(options: TierFilesOptions) {
    this.#options = options;
  }

  /** Creates the directory, finds the copies in it, and removes those that an earlier process did not finish. */
  static async open(options: TierFilesOptions): Promise<TierFiles> {
    await mkdir(options.directory, { recursive: true });
    const files = new TierFiles(options);
    const found = await Promise.all((await readdir(options.directory)).map((name) => files.#inspect(name)));
    const copies = found.filter((copy) => copy !== undefined).sort((a, b) => a.usedAt - b.usedAt);
    for (const { id, path, size } of copies) files.#add(id, { path, size });
    await files.#evict();
    return files;
  }

  /** @returns a file that the caller closes; undefined when there is no copy */
  async open(key: TierKey): Promise<{ file: FileHandle; size: number; path: string } | undefined> {
    const id = idOf(key);
    const copy = this.#copies.get(id);
    if (!copy) return undefined;
    this.#copies.delete(id);
    this.#copies.set(id, copy);
    try {
      const file = await open(copy.path, 'r');
      const now = new Date();
      // Preserves the order of use across a restart.
      await file.utimes(now, now).catch(() => {});
      return { file, size: copy.size, path: copy.path };
    } catch {
      this.#forget(id); // another program has removed the file
      return undefined;
    }
  }

  has(key: TierKey): boolean {
    return this.#copies.has(idOf(key));
  }

  /** Reserves space for a copy that is about to be written. @returns undefined when there is a copy, or this one is too large */
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
   * Makes a second link to a verified local file on the same file system.
   *
   * @returns `keep` turns the link into a copy, `discard` removes it; undefined when no copy can be made
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
      return undefined; // another file system, or one without hard links: the first read makes the copy
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
    await this.#evict();
    return true;
  }

  async #evict(): Promise<void> {
    for (const [id, { path }] of this.#copies) {
      if (this.#bytes + this.#reserved <= this.#options.maxBytes) return;
      this.#forget(id);
      await rm(path, { force: true }); // readers that have it open can continue
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
    const isComplete = info?.isFile() && info.size === Number(length);
    if (algorithm !== undefined && hex !== undefined && info && isComplete) {
      return { id: idOf({ algorithm, hex }), path, size: info.size, usedAt: info.mtimeMs };
    }
    if (name.startsWith(TEMPORARY) || algorithm !== undefined) await rm(path, { force: true });
    return undefined;
  }
}

function idOf({ algorithm, hex }: TierKey): string {
  return `${algorithm}-${hex}`;
}
