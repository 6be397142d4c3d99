import { randomUUID } from 'node:crypto';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';

/** Leading underscore: no name of a repository. */
const NAME = '_layover-tmp';

/**
 * Where files are written before they are renamed to their place: on the file system of that place, as a rename works within one only.
 * Any directory below the root may be a mount point, or a link to another disk.
 */
export class TemporaryDirectories {
  readonly #root: string;
  readonly #own: string;
  /** The topmost directories of other file systems below the root. */
  readonly #tops = new Set<string>();

  /** @param own for everything that lies on the same file system as it does */
  constructor(root: string, own: string) {
    this.#root = root;
    this.#own = own;
  }

  /** As far as it is known. */
  of(target: string): string {
    const tops = [...this.#tops].filter((top) => target.startsWith(top + sep));
    const innermost = tops.reduce((a, b) => (b.length > a.length ? b : a), '');
    return innermost === '' ? this.#own : join(innermost, NAME);
  }

  /**
   * Finds the file system of a directory, which exists. Files that an earlier process left there half-written are removed.
   *
   * @returns whether {@link of} knows more than before
   */
  async learn(directory: string): Promise<boolean> {
    let top = directory;
    while (top !== this.#root && (await canRename(top, dirname(top)))) top = dirname(top);
    if (this.#tops.has(top)) return false;
    this.#tops.add(top);
    await removeAll(join(top, NAME));
    return true;
  }

  /** As {@link learn}, for one that may be where the temporary files are anyway, or not be there. */
  async learnIfElsewhere(directory: string): Promise<void> {
    const isThere = await readdir(directory).then(Boolean, () => false);
    if (isThere && !(await canRename(this.#own, directory))) await this.learn(directory);
  }
}

/** A device number does not tell: between two mounts of one device a rename fails as well. */
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

/** What an earlier process left. */
export async function removeAll(directory: string): Promise<void> {
  const leftovers = await readdir(directory).catch(() => []);
  await Promise.all(leftovers.map((name) => rm(join(directory, name), { recursive: true, force: true })));
}
