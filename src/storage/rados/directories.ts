import { PathNotFoundError } from '../driver.ts';
import { forEachAtOnce } from '../objects/at-once.ts';
import { DIRECTORY, directoriesAbove, joinPath, splitPath } from './layout.ts';
import type { KeyPage, RadosPool } from './pool.ts';
import { ifMissing, isCode, NAME } from './rados-error.ts';

/** The cluster returns at most 1024 keys in one response. */
const PAGE_KEYS = 1000;
/** Entries of a directory that are removed at the same time. */
const MAX_CONCURRENT = 16;

/** A name in a directory: {@link DIRECTORY}, or the id of a blob. */
export type Entry = string;

/**
 * Directories, as objects named like their paths whose omaps have the names. Two objects never change in one step. So a new
 * name is written first and then, every time, those of the directories above that are missing. Removing a directory looks
 * at it again afterwards, and restores its name if something is in it by then.
 */
export class RadosDirectories {
  readonly #pool: RadosPool;

  constructor(pool: RadosPool) {
    this.#pool = pool;
  }

  /** @returns undefined when nothing exists at the path */
  async find(path: string): Promise<Entry | undefined> {
    if (path === '/') return DIRECTORY;
    const { directory, name } = splitPath(path);
    return await this.#pool.key(directory, name);
  }

  /** @returns the id that the path had before. @throws {Error} for a directory, and for a path below a file */
  async link(path: string, id: string): Promise<string | undefined> {
    for (;;) {
      const old = await this.find(path);
      if (old === DIRECTORY) throw new Error(`${NAME}: ${path} is a directory`);
      if (!(await this.#replace(path, old, id))) continue;
      await this.#linkDirectories(path, () => this.unlink(path, id));
      return old === id ? undefined : old;
    }
  }

  /** Removes a name. @returns false when it has another entry */
  async unlink(path: string, entry: Entry): Promise<boolean> {
    const { directory, name } = splitPath(path);
    return await this.#changed(directory, [
      { do: 'if-key', key: name, value: entry },
      { do: 'remove-key', key: name },
    ]);
  }

  /** The names after a text, page by page. @throws {PathNotFoundError} for a file, and when there is no such directory */
  async *pages(path: string, after = '', about = PAGE_KEYS): AsyncGenerator<readonly (readonly [string, Entry])[]> {
    const max = Math.min(Math.max(about, 1), PAGE_KEYS);
    let page = await this.#page(path, after, max);
    if (page.entries.length === 0 && (await this.find(path)) !== DIRECTORY) throw new PathNotFoundError(NAME, path);
    for (;;) {
      // distribution writes the root into itself.
      yield page.entries.filter(([name]) => name !== '/');
      const last = page.entries.at(-1);
      if (!page.hasMore || !last) return;
      page = await this.#page(path, last[0], max);
    }
  }

  /** Removes a directory with everything below it. */
  async removeTree(path: string, removeFile: (path: string, id: string) => Promise<void>): Promise<void> {
    for await (const entries of this.pages(path)) {
      await forEachAtOnce(entries, MAX_CONCURRENT, async ([name, entry]) => {
        const below = joinPath(path, name);
        await (entry === DIRECTORY ? this.removeTree(below, removeFile) : removeFile(below, entry));
      });
    }
    await this.#removeOne(path);
  }

  /** Removes a directory that has no files, at any depth. @returns whether nothing is left */
  async removeEmpty(path: string): Promise<boolean> {
    let hasFile = false;
    for await (const entries of this.pages(path)) {
      for (const [name, entry] of entries) {
        if (entry !== DIRECTORY || !(await this.#removeEmptyBelow(joinPath(path, name)))) hasFile = true;
      }
    }
    return !hasFile && (await this.#removeOne(path));
  }

  async #removeEmptyBelow(path: string): Promise<boolean> {
    return await this.removeEmpty(path).catch((err: unknown) => {
      if (err instanceof PathNotFoundError) return true;
      throw err;
    });
  }

  /** Removes a directory without names. @returns false when it has some */
  async #removeOne(path: string): Promise<boolean> {
    if (!(await this.#removeObject(path))) return false;
    await this.unlink(path, DIRECTORY);
    const { entries } = await this.#page(path, '', 1);
    if (entries.length === 0) return true;
    await this.#linkDirectories(joinPath(path, 'any'));
    return false;
  }

  async #removeObject(path: string): Promise<boolean> {
    for (;;) {
      const { entries, version } = await this.#page(path, '', 1);
      if (entries.length > 0) return false;
      if (version === 0) return true;
      const removed = await this.#pool
        .write(path, [{ do: 'if-version', version }, { do: 'remove' }])
        .then(() => true)
        .catch(ifChanged)
        .catch(ifMissing(true));
      if (removed) return true;
    }
  }

  /** Writes the names of the directories above a path that are missing. @param undo when the path is below a file */
  async #linkDirectories(path: string, undo?: () => Promise<unknown>): Promise<void> {
    await forEachAtOnce(directoriesAbove(path), MAX_CONCURRENT, async (above) => {
      const entry = await this.find(above);
      if (entry === DIRECTORY || (entry === undefined && (await this.#replace(above, undefined, DIRECTORY)))) return;
      if ((await this.find(above)) === DIRECTORY) return;
      await undo?.();
      throw new Error(`${NAME}: ${path} is below a file`);
    });
  }

  async #replace(path: string, old: Entry | undefined, entry: Entry): Promise<boolean> {
    const { directory, name } = splitPath(path);
    return await this.#changed(directory, [
      { do: 'ensure' },
      { do: 'if-key', key: name, value: old ?? '' },
      { do: 'set-key', key: name, value: entry },
    ]);
  }

  /** @returns false when a condition is not met */
  async #changed(object: string, steps: Parameters<RadosPool['write']>[1]): Promise<boolean> {
    return await this.#pool
      .write(object, steps)
      .then(() => true)
      .catch(ifChanged)
      .catch(ifMissing(false));
  }

  async #page(object: string, after: string, max: number): Promise<KeyPage> {
    return await this.#pool.keys(object, after, max).catch(ifMissing({ entries: [], hasMore: false, version: 0 }));
  }
}

/** For `catch`: false when a condition of a write was not met. Other errors are thrown. */
function ifChanged(err: unknown): false {
  if (isCode(err, 'ECANCELED', 'ERANGE', 'EOVERFLOW')) return false;
  throw err;
}
