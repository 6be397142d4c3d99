import { stat } from 'node:fs/promises';

import pLimit from 'p-limit';

import { errorCode, withStorageErrors } from './file-errors.ts';

/** One that is forgotten is synced again. */
const MAX_REMEMBERED = 10_000;
const MAX_CONCURRENT = 16;

/** Files by local path, each with what distinguishes it from every other file that is or was at this path. */
export type FoundFiles = ReadonlyMap<string, string>;

/**
 * Remembers which files are durable under their names, so that pushes that rely on them need not sync them. Any process may replace
 * or move a file; that changes its identity.
 */
export class SettledFiles {
  readonly #identities = new Map<string, string>();

  /** @returns the files that exist */
  async find(files: Iterable<string>): Promise<FoundFiles> {
    const limit = pLimit(MAX_CONCURRENT);
    const found = await limit.map([...files], async (file) => [file, await identityOf(file)] as const);
    return new Map(found.flatMap(([file, identity]) => (identity === undefined ? [] : [[file, identity]])));
  }

  /** Those that are not known to be durable. */
  unsettledOf(found: FoundFiles): FoundFiles {
    return new Map([...found].filter(([file, identity]) => this.#identities.get(file) !== identity));
  }

  /** They are durable, and were found before they were synced. */
  remember(found: FoundFiles): void {
    for (const [file, identity] of found) {
      this.#identities.delete(file); // the newest is the last one
      this.#identities.set(file, identity);
    }
    const excess = Math.max(0, this.#identities.size - MAX_REMEMBERED);
    for (const file of [...this.#identities.keys()].slice(0, excess)) this.#identities.delete(file);
  }
}

/** The time of the last change includes renames, and inodes are used again. */
async function identityOf(file: string): Promise<string | undefined> {
  try {
    const { dev, ino, ctimeNs } = await withStorageErrors(stat(file, { bigint: true }));
    return `${dev}.${ino}.${ctimeNs}`;
  } catch (err) {
    if (errorCode(err) === 'ENOENT' || errorCode(err) === 'ENOTDIR') return undefined;
    throw err;
  }
}
