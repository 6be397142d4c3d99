import type { Dirent } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';

/**
 * Names of the links in a directory that lead to a directory above it: following them would never end. Does no I/O for a
 * directory without links.
 *
 * @param root root directory of the storage; the directories above it count too
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

/** Real paths of the directory and of each directory above it, up to the root. */
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
