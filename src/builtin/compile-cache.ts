import { lstatSync, mkdirSync, statSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Absent before Node 22.1. It never throws. */
type Enable = (directory: string) => unknown;

export interface CompileCacheOptions {
  /** Directory for temporary files. @default that of the system */
  readonly parent?: string;
  /** @default `enableCompileCache` of `node:module` */
  readonly enable?: Enable | undefined;
}

const OTHERS_MAY_WRITE = 0o022;
const STICKY = 0o1000;

/**
 * Keeps V8's compiled code of modules that are imported from now on, for the next start. Node writes it when the process exits. It is code
 * that Node does not verify, so the directory must be one that only this user can change: Node's default is not, where users share a
 * directory for temporary files. Without such a directory there is no cache. `NODE_COMPILE_CACHE` and `NODE_DISABLE_COMPILE_CACHE` override it.
 *
 * @returns the directory; undefined without a cache
 * @see https://nodejs.org/api/module.html#module-compile-cache
 */
export function enableCompileCache({
  parent = tmpdir(),
  enable = ownEnable(),
}: CompileCacheOptions = {}): string | undefined {
  const user = process.geteuid?.();
  if (!enable || user === undefined) return undefined;
  const directory = join(parent, `layover-compile-cache-${user}`);
  try {
    if (!isSafeParent(parent, user)) return undefined;
    createDirectory(directory);
    if (!isPrivate(directory, user)) return undefined;
  } catch {
    return undefined; // such as on a read-only file system
  }
  enable(directory);
  return directory;
}

function ownEnable(): Enable | undefined {
  const { enableCompileCache: enable } = nodeModule as { readonly enableCompileCache?: Enable };
  return enable;
}

/** Whether other users can neither rename nor remove what this user creates there. */
function isSafeParent(path: string, user: number): boolean {
  const { uid, mode } = statSync(path);
  return (uid === 0 || uid === user) && ((mode & OTHERS_MAY_WRITE) === 0 || (mode & STICKY) !== 0);
}

function createDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'EEXIST') throw err;
  }
}

/** Not for a link, which may lead to a directory of another user. */
function isPrivate(path: string, user: number): boolean {
  const found = lstatSync(path);
  return found.isDirectory() && found.uid === user && (found.mode & OTHERS_MAY_WRITE) === 0;
}
