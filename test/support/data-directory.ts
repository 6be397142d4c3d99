import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** A file that any reader of the data directory takes for a blob. */
export interface VisibleBlob {
  /** As its path says. */
  readonly digest: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Its bytes have that digest. */
  readonly intact: boolean;
}

export interface SpoolFile {
  /** Below the folder of fills. */
  readonly name: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** Reads and hashes every blob of distribution's layout below `root`. */
export async function readVisibleBlobs(root: string): Promise<readonly VisibleBlob[]> {
  const folder = join(root, 'docker/registry/v2/blobs');
  const found: VisibleBlob[] = [];
  for (const path of await filesBelow(folder)) {
    const [algorithm = '', , hex = '', name] = relative(folder, path).split(sep);
    if (name !== 'data') continue;
    const { size } = await stat(path);
    found.push({ digest: `${algorithm}:${hex}`, path, size, intact: (await hashOf(path, algorithm)) === hex });
  }
  return found;
}

export async function listSpools(root: string): Promise<readonly SpoolFile[]> {
  const folder = join(root, 'layover/fills');
  const spools: SpoolFile[] = [];
  for (const path of await filesBelow(folder)) {
    const info = await orNothing(stat(path));
    if (info) spools.push({ name: relative(folder, path), path, size: info.size });
  }
  return spools;
}

/** Every file below a folder, with full paths; what disappears while it looks is left out. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await orNothing(readdir(folder, { withFileTypes: true }));
  const files: string[] = [];
  for (const entry of entries ?? []) {
    const path = join(folder, entry.name);
    files.push(...(entry.isDirectory() ? await filesBelow(path) : [path]));
  }
  return files;
}

async function orNothing<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw err;
  }
}

async function hashOf(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Names of the fills that some process is working on. */
export async function listLocks(root: string): Promise<readonly string[]> {
  return readdir(join(root, 'layover/fills.locks')).catch(() => []);
}
