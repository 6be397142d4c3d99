import type { Page } from '../oci/pagination.ts';
import { isPath, type StorageDriver } from '../storage/driver.ts';
import { orUndefined } from './links.ts';
import { MANIFESTS, REPOSITORIES } from './paths.ts';
import { readableNamesAfter, type UnreadableListener } from './readable.ts';

export interface CatalogRequest {
  /** Maximum number of names. */
  readonly n: number;
  /** Names after this one. */
  readonly last?: string;
}

/** Longer paths are not names of repositories. */
const MAX_NAME = 255;

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
  for await (const name of walk({ driver, onUnreadable, about: n + 1 }, '', after)) {
    const lastShown = entries.at(-1);
    if (entries.length === n) return { entries, next: lastShown === undefined ? undefined : { n, last: lastShown } };
    entries.push(name);
  }
  return { entries, next: undefined };
}

interface Reader {
  readonly driver: StorageDriver;
  readonly onUnreadable: UnreadableListener;
  /** How many names a directory may have to contribute. */
  readonly about: number;
}

/** @param after the last name as seen from `directory`: below it, the directory itself (no parts), or before it (undefined) */
async function* walk(
  reader: Reader,
  directory: string,
  after: readonly string[] | undefined,
): AsyncGenerator<string, void, void> {
  const [from = '', ...rest] = after ?? [];
  if (mayBeBelow(directory, from)) yield* walk(reader, `${directory}/${from}`, rest);
  const path = `${REPOSITORIES}${directory}`;
  let isUnseen = after === undefined;
  for await (const names of readableNamesAfter(reader.driver, path, { ...reader, after: from })) {
    if (isUnseen && (await isRepository(reader.driver, path, names))) yield directory.slice(1);
    isUnseen = false;
    for (const name of names) {
      if (!name.startsWith('_')) yield* walk(reader, `${directory}/${name}`, undefined);
    }
  }
}

function mayBeBelow(directory: string, name: string): boolean {
  return isPath(`/${name}`) && name !== '' && !name.startsWith('_') && directory.length + name.length < MAX_NAME;
}

/** @param names the first names in the directory, or all */
async function isRepository(driver: StorageDriver, path: string, names: readonly string[]): Promise<boolean> {
  const last = names.at(-1);
  if (last === undefined || names.includes(MANIFESTS) || last > MANIFESTS) return names.includes(MANIFESTS);
  return (await orUndefined(driver.stat(`${path}/${MANIFESTS}`))) !== undefined;
}
