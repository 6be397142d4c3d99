import type { StoredLink } from '../content/inventory.ts';
import { UnreadablePathError } from '../storage/driver.ts';

export interface LinkedStore {
  readonly repositories: { isLinked(repository: string, link: StoredLink): Promise<boolean> };
}

/** Whether a repository links a digest. True when its link cannot be read. */
export async function mayBeLinked(store: LinkedStore, repository: string, link: StoredLink): Promise<boolean> {
  try {
    return await store.repositories.isLinked(repository, link);
  } catch (err) {
    if (err instanceof UnreadablePathError) return true;
    throw err;
  }
}
