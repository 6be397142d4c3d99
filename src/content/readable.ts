import { parseRepositoryName } from '../oci/reference.ts';
import { type StorageDriver, UnreadablePathError } from '../storage/driver.ts';
import { orUndefined } from './links.ts';
import { REPOSITORIES } from './paths.ts';

/** Told of each directory that a walk leaves out. */
export type UnreadableListener = (error: UnreadablePathError) => void;

/**
 * The names in a directory; none when there is no such directory, or it cannot be read, of which the listener is told.
 *
 * @throws {UnreadablePathError} for the directory of all repositories: nothing is known then
 */
export async function listReadable(
  driver: StorageDriver,
  path: string,
  onUnreadable: UnreadableListener,
): Promise<readonly string[]> {
  try {
    return (await orUndefined(driver.list(path))) ?? [];
  } catch (err) {
    if (!(err instanceof UnreadablePathError) || path === REPOSITORIES) throw err;
    onUnreadable(err);
    return [];
  }
}

/** Whether there can be repositories in a directory: not in `lost+found`, which no client can name. */
export function mayHoldRepositories(path: string): boolean {
  try {
    parseRepositoryName(`${path.slice(REPOSITORIES.length + 1)}/any`);
    return true;
  } catch {
    return false;
  }
}
