import { lstat, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';

import { ImageError } from './image-error.ts';
import { isAbsent } from './layout-files.ts';

/**
 * Checks that a directory of a layout is inside the layout, before anything is written to it: a layout from elsewhere may have links
 * to other places. A directory that does not exist is inside.
 *
 * @param path relative, without `..`
 * @throws {ImageError}
 */
export async function refuseLinkOut(root: string, path: string): Promise<void> {
  const inside = await realpath(root);
  const parts = path.split('/');
  for (const [i] of parts.entries()) {
    const name = parts.slice(0, i + 1).join('/');
    const at = join(root, name);
    if (!(await isThere(at))) return;
    const real = await realpath(at).catch(() => undefined); // a link to nothing
    if (real === undefined || !(real === inside || real.startsWith(inside + sep))) {
      throw new ImageError(`${root}: refused to write, ${name} is a link out of the layout`);
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (err) {
    if (isAbsent(err)) return false;
    throw err;
  }
}
