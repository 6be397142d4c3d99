import type { Page } from '../oci/pagination.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { REPOSITORIES } from './paths.ts';
import { listReadable, type UnreadableListener } from './readable.ts';

export interface CatalogRequest {
  /** Maximum number of names. */
  readonly n: number;
  /** Names after this one. */
  readonly last?: string;
}

/**
 * One page of the repositories that have, or had, a manifest. Sorted by path component, like distribution: `a/z` comes before `a-b`.
 * Reads only the directories that the page needs. Unreadable directories are left out.
 */
export async function listRepositories(
  driver: StorageDriver,
  { n, last }: CatalogRequest,
  onUnreadable: UnreadableListener = () => {},
): Promise<Page<string>> {
  const entries: string[] = [];
  const after = last === undefined ? [] : last.split('/');
  for await (const name of walk({ driver, onUnreadable }, '', after)) {
    const lastShown = entries.at(-1);
    if (entries.length === n) return { entries, next: lastShown === undefined ? undefined : { n, last: lastShown } };
    entries.push(name);
  }
  return { entries, next: undefined };
}

/** @param after the last name as seen from `directory`: below it, the directory itself (no parts), or before it (undefined) */
async function* walk(
  reader: { readonly driver: StorageDriver; readonly onUnreadable: UnreadableListener },
  directory: string,
  after: readonly string[] | undefined,
): AsyncGenerator<string, void, void> {
  const names = await listReadable(reader.driver, `${REPOSITORIES}${directory}`, reader.onUnreadable);
  if (!after && names.includes('_manifests')) yield directory.slice(1);
  const [from = '', ...rest] = after ?? [];
  for (const name of names) {
    if (name.startsWith('_') || name < from) continue;
    yield* walk(reader, `${directory}/${name}`, name === from ? rest : undefined);
  }
}
