import { lstat } from 'node:fs/promises';
import { CONFIGURATION_PATH, type Environment } from './environment.ts';

/**
 * Set by the container image: colon-separated paths at which a configuration may be mounted. On other machines such a file may
 * belong to another program.
 */
const CONFIGURATION_PLACES = 'LAYOVER_CONFIGURATION_PLACES';

export interface FoundFile {
  /** Absent when no file is named or mounted. */
  readonly path: string | undefined;
  readonly notices: readonly string[];
  readonly warnings: readonly string[];
}

/** The file named by the command, or by `REGISTRY_CONFIGURATION_PATH`, or the first that is mounted. */
export async function findFile(file: string | undefined, env: Environment): Promise<FoundFile> {
  const named = file || env[CONFIGURATION_PATH];
  if (named) return { path: named, notices: [], warnings: [] };
  const places = (env[CONFIGURATION_PLACES] ?? '').split(':').filter(Boolean);
  const isThere = await Promise.all(places.map(exists));
  const [path, ...others] = places.filter((_, i) => isThere[i]);
  return {
    path,
    notices: path === undefined ? [] : [`${path}: used because no configuration is named`],
    warnings: others.map((other) => `${other}: not read, because ${path} is used`),
  };
}

/** True also for a file that cannot be read and for a dangling link: reading it then reports the reason. */
async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (err) {
    const code = err instanceof Error && 'code' in err ? err.code : undefined;
    return code !== 'ENOENT' && code !== 'ENOTDIR';
  }
}
