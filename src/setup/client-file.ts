import { readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

import { SetupError } from './setup-error.ts';

/** Like that of Linux, for a path that is resolved. */
const MAX_LINKS = 40;

/**
 * Where a path of the client's machine is on this one. Links are followed as on the client's machine: an absolute one starts at the
 * root, and `..` does not leave it. The file need not exist.
 *
 * @throws {SetupError} for links that lead in a circle, and for a path that no file can have
 */
export function resolveInRoot(root: string, path: string): string {
  if (path.includes('\0')) throw new SetupError(`${path}: not a path (remove the NUL character)`);
  const top = realpathSync(root);
  const rest = partsOf(path);
  let at: string[] = [];
  let links = 0;
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    if (part === '..') {
      at.pop();
      continue;
    }
    const link = linkAt(join(top, ...at, part));
    if (link === undefined) {
      at.push(part);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) throw new SetupError(`${join(root, path)}: too many links (remove those in a circle)`);
    if (isAbsolute(link)) at = [];
    rest.unshift(...partsOf(link));
  }
  return join(top, ...at);
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

const NO_LINK: readonly unknown[] = ['EINVAL', 'ENOENT', 'ENOTDIR'];

/** Absent when it is not a link, or not there. */
function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (err) {
    if (NO_LINK.includes((err as NodeJS.ErrnoException).code)) return undefined;
    throw err;
  }
}

/** Absent when there is none. @throws {SetupError} for another kind of file, such as a pipe, which may never end */
export function readIfThere(path: string): Buffer | undefined {
  try {
    if (statSync(path).isFile()) return readFileSync(path);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw err;
  }
  throw new SetupError(`${path}: not a regular file (remove it first; nothing was changed)`);
}
