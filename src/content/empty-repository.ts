import type { StorageDriver } from '../storage/driver.ts';
import { orUndefined } from './links.ts';
import { contentDirectories, manifestsPath, referrersCompletePath, REPOSITORIES } from './paths.ts';

/**
 * Removes what is left of a repository that has no content, so that nobody lists it: its directories, and those above in which nothing
 * else is. Safe against whoever puts something there at that moment: only what is empty goes, and writers make directories again.
 */
export async function removeEmptyRepository(driver: StorageDriver, repository: string): Promise<void> {
  for (const directory of contentDirectories(repository)) {
    if (!(await driver.deleteEmpty(directory))) return;
  }
  // Should a manifest come meanwhile, this only makes somebody look again at all of them.
  await driver.delete(referrersCompletePath(repository));
  if (!(await driver.deleteEmpty(manifestsPath(repository)))) return;
  await removeEmptyParents(driver, `${REPOSITORIES}/${repository}`);
}

/** There may be repositories below, with directories of their own that are not to be touched. */
async function removeEmptyParents(driver: StorageDriver, directory: string): Promise<void> {
  if (directory === REPOSITORIES) return;
  const names = (await orUndefined(driver.list(directory))) ?? [];
  if (names.length > 0 || !(await driver.deleteEmpty(directory))) return;
  await removeEmptyParents(driver, directory.slice(0, directory.lastIndexOf('/')));
}
