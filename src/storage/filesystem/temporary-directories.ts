import { randomUUID } from 'node:crypto';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';

/** A leading underscore is not possible in the name of a repository. */
const NAME = '_layover-tmp';

/**
 * Directories in which files are written before they are renamed to their place. They are on the file system of that place,
 * because a rename works only within one. Any directory below the root may be a mount point or a link to another disk.
 */
export class TemporaryDirectories {
  readonly #root: string;
  readonly #default: string;
  /** The topmost directories of other file systems below the root. */
  readonly #tops = new Set<string>();

  /** @param defaultDirectory for all targets on its own file system */
  constructor(root: string, defaultDirectory: string) {
    this.#root = root;
    this.#default = defaultDirectory;
  }

  /** The temporary directory for a target, according to the file systems found so far. */
  of(target: string): string {
    const tops = [...this.#tops].filter((top) => target.startsWith(top + sep));
    const innermost = tops.reduce((a, b) => (b.length > a.length ? b : a), '');
    return innermost === '' ? this.#default : join(innermost, NAME);
  }

  /**
   * Adds the file system of an existing directory. Files that an earlier process left half-written are removed.
   *
   * @returns false when it was already known
   */
  async addFileSystemOf(directory: string): Promise<boolean> {
    let top = directory;
    while (top !== this.#root && (await canRename(top, dirname(top)))) top = dirname(top);
    if (this.#tops.has(top)) return false;
    this.#tops.add(top);
    await removeAll(join(top, NAME));
    return true;
  }

  /** Like {@link addFileSystemOf}, for a directory that may not exist, or be on the default directory's file system. */
  async addIfOtherFileSystem(directory: string): Promise<void> {
    const exists = await readdir(directory).then(Boolean, () => false);
    if (exists && !(await canRename(this.#default, directory))) await this.addFileSystemOf(directory);
  }
}

/** Tries it, because device numbers do not suffice: between two mounts of one device a rename fails too. */
async function canRename(from: string, to: string): Promise<boolean> {
  const name = `${NAME}-${randomUUID()}`;
  try {
    await writeFile(join(from, name), '', { flag: 'wx' });
    await rename(join(from, name), join(to, name));
    return true;
  } catch {
    return false;
  } finally {
    await Promise.all([from, to].map((directory) => rm(join(directory, name), { force: true }).catch(() => {})));
  }
}

/** Removes everything in a directory, which may not exist. */
export async function removeAll(directory: string): Promise<void> {
  const leftovers = await readdir(directory).catch(() => []);
  await Promise.all(leftovers.map((name) => rm(join(directory, name), { recursive: true, force: true })));
}
