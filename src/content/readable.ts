import { parseRepositoryName } from '../oci/reference.ts';
import { type StorageDriver, UnreadablePathError } from '../storage/driver.ts';
import { orUndefined } from './links.ts';
import { namesAfter, type NamesRequest } from './names-after.ts';
import { REPOSITORIES } from './paths.ts';

/** Called with each directory that a walk leaves out. */
export type UnreadableListener = (error: UnreadablePathError) => void;

/**
 * The names in a directory. None when there is no such directory, or when it cannot be read; then the listener is called.
 *
 * @throws {UnreadablePathError} for the directory of all repositories, because then nothing is known
 */
export async function listReadable(
  driver: StorageDriver,
  path: string,
  onUnreadable: UnreadableListener,
): Promise<readonly string[]> {
  try {
    return (await orUndefined(driver.list(path))) ?? [];
  } catch (err) {
    leaveOut(err, path, onUnreadable);
    return [];
  }
}

/** As {@link namesAfter}; unreadable directories as for {@link listReadable}. */
export async function* readableNamesAfter(
  driver: StorageDriver,
  path: string,
  { onUnreadable, ...request }: NamesRequest & { readonly onUnreadable: UnreadableListener },
): AsyncGenerator<readonly string[], void, void> {
  try {
    yield* namesAfter(driver, path, request);
  } catch (err) {
    leaveOut(err, path, onUnreadable);
  }
}

/** @throws the error, unless it is about one directory among others */
function leaveOut(err: unknown, path: string, onUnreadable: UnreadableListener): void {
  if (!(err instanceof UnreadablePathError) || path === REPOSITORIES) throw err;
  onUnreadable(err);
}

/** Whether a directory can hold repositories. `lost+found` cannot: it is not a valid name. */
export function mayHoldRepositories(path: string): boolean {
  try {
    parseRepositoryName(`${path.slice(REPOSITORIES.length + 1)}/any`);
    return true;
  } catch {
    return false;
  }
}
