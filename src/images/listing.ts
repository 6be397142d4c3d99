import pLimit from 'p-limit';

import type { Page, PageRequest } from '../oci/pagination.ts';
import type { RegistryLister, RegistryReader } from '../registry/registry.ts';
import { ImageError } from './image-error.ts';
import type { RegistryLocation } from './location.ts';

export interface ListedTag {
  readonly tag: string;
  readonly digest?: string;
}

export interface ListOptions {
  readonly signal: AbortSignal;
}

/** Limit for a registry whose pages never end. */
const MAX_PAGES = 10_000;
const DIGESTS_AT_ONCE = 8;

/** Every repository of a registry, page by page. @throws {ImageError} | {RegistryError} */
export function listRepositories(
  registry: Pick<RegistryLister, 'listRepositories'>,
  host: string,
  { signal }: ListOptions,
): Promise<string[]> {
  return allPages(host, (page) => registry.listRepositories(page, { signal }));
}

/** The names of every tag of a repository. @throws {ImageError} | {RegistryError} */
export function listTagNames(
  registry: Pick<RegistryLister, 'listTags'>,
  { host, repository }: Pick<RegistryLocation, 'host' | 'repository'>,
  { signal }: ListOptions,
): Promise<string[]> {
  return allPages(`${host}/${repository}`, (page) => registry.listTags(repository, page, { signal }));
}

/** Every tag of a repository, with its digest if `digests`. @throws {ImageError} | {RegistryError} */
export async function listTags(
  registry: Pick<RegistryLister, 'listTags'> & Pick<RegistryReader, 'resolveManifest'>,
  location: Pick<RegistryLocation, 'host' | 'repository'>,
  { digests, signal }: ListOptions & { readonly digests: boolean },
): Promise<ListedTag[]> {
  const { repository } = location;
  const tags = await listTagNames(registry, location, { signal });
  if (!digests) return tags.map((tag) => ({ tag }));
  return pLimit(DIGESTS_AT_ONCE).map(tags, async (tag) => {
    const { digest } = await registry.resolveManifest(repository, { kind: 'tag', tag }, { signal });
    return { tag, digest };
  });
}

async function allPages(name: string, request: (page: PageRequest) => Promise<Page<string>>): Promise<string[]> {
  const found: string[] = [];
  let page: PageRequest | undefined = {};
  for (let pages = 0; page !== undefined; pages++) {
    if (pages === MAX_PAGES) throw new ImageError(`${name}: the list has no end`);
    const { entries, next }: Page<string> = await request(page);
    for (const entry of entries) found.push(entry);
    // A registry that returns the same page again would do so forever.
    page = next !== undefined && next.last === page.last ? undefined : next;
  }
  return found;
}
