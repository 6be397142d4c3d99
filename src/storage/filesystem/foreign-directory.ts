import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { StorageLog } from '../storage-log.ts';

/** Distribution's layout, then Layover's own files. */
const CONTENT = 'docker/registry/v2';
const WRITTEN = ['', 'layover', 'layover/tmp', 'layover/fills', CONTENT, `${CONTENT}/repositories`, `${CONTENT}/blobs`];

interface Owners {
  readonly path: string;
  readonly owner: number;
  readonly user: number;
  readonly group: number;
}

/** A storage directory without content that belongs to another user, such as a new volume of a container. */
class ForeignDirectoryError extends Error {
  override readonly name = 'ForeignDirectoryError';
  /** As of the system's error. */
  readonly code = 'EACCES';
}

/**
 * Reports the directory of another user that keeps this process from writing.
 *
 * @throws {ForeignDirectoryError} when there is no content that could be served without writing
 */
export async function checkOwner(rootDirectory: string, log: StorageLog | undefined): Promise<void> {
  const foreign = await findForeign(WRITTEN.map((path) => join(rootDirectory, path)));
  if (foreign === undefined) return;
  const problem = describe(foreign);
  if (!(await exists(join(rootDirectory, CONTENT)))) throw new ForeignDirectoryError(problem);
  log?.warn({ reason: problem }, 'storage belongs to another user');
}

async function findForeign(paths: readonly string[]): Promise<Owners | undefined> {
  const user = process.geteuid?.();
  const group = process.getegid?.();
  if (user === undefined || group === undefined) return undefined;
  const owners = await Promise.all(paths.map(ownerOf));
  const index = owners.findIndex((owner) => owner !== undefined && owner !== user);
  const [path, owner] = [paths[index], owners[index]];
  return path === undefined || owner === undefined ? undefined : { path, owner, user, group };
}

function describe({ path, owner, user, group }: Owners): string {
  const remedies = `run "chown -R ${user}:${group} ${path}" as root, or run Layover as user ${owner}`;
  return `${path} belongs to user ${owner} and cannot be written by user ${user} (${remedies})`;
}

/** Absent when the directory does not exist, or is hidden by one that cannot be searched. */
async function ownerOf(path: string): Promise<number | undefined> {
  return await stat(path).then(
    ({ uid }) => uid,
    () => undefined,
  );
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
