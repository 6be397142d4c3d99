import type { StorageDriver } from '../storage/driver.ts';
import { orUndefined } from './links.ts';
import { contentDirectories, manifestsPath, referrersCompletePath, REPOSITORIES } from './paths.ts';

/**
 * Removes the directories of a repository without content, and parents that are empty then, so that it is not listed. Safe while content is
 * pushed to it: only empty directories are removed, and writers create them again.
 */
export async function removeEmptyRepository(driver: StorageDriver, repository: string): Promise<void> {
  for (const directory of contentDirectories(repository)) {
    if (!(await driver.deleteEmpty(directory))) return;
  }
  // When a manifest is pushed meanwhile, the next referrers request only scans all manifests again.
  await driver.delete(referrersCompletePath(repository));
  if (!(await driver.deleteEmpty(manifestsPath(repository)))) return;
  await removeEmptyParents(driver, `${REPOSITORIES}/${repository}`);
}

/** Directories that hold other repositories stay. */
async function removeEmptyParents(driver: StorageDriver, directory: string): Promise<void> {
  if (directory === REPOSITORIES) return;
  const names = (await orUndefined(driver.list(directory))) ?? [];
  if (names.length > 0 || !(await driver.deleteEmpty(directory))) return;
  await removeEmptyParents(driver, directory.slice(0, directory.lastIndexOf('/')));
}
