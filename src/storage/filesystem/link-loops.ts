import type { Dirent } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';

/**
 * The links in a directory that lead to a directory above it, by whatever way it was reached: who walks down would never come to an
 * end. Costs nothing where there are no links.
 *
 * @param root of the storage; what is above that counts as well
 */
export async function findLoops(root: string, directory: string, entries: readonly Dirent[]): Promise<Set<string>> {
  const loops = new Set<string>();
  const links = entries.filter((entry) => entry.isSymbolicLink());
  const above = links.length > 0 ? await realPathsAbove(root, directory) : [];
  for (const { name } of links) {
    const target = await realpath(join(directory, name)).catch(() => undefined);
    if (target !== undefined && above.some((path) => isWithin(path, target))) loops.add(name);
  }
  return loops;
}

/** Of the directory itself, and of each above it up to the root. */
async function realPathsAbove(root: string, directory: string): Promise<string[]> {
  const paths: string[] = [];
  for (let path = directory; ; path = dirname(path)) {
    paths.push(await realpath(path));
    if (path === root || path === dirname(path)) return paths;
  }
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === sep ? sep : directory + sep);
}
