import pLimit from 'p-limit';

import type { PageRequest } from '../oci/pagination.ts';
import { ImageError } from './image-error.ts';
import type { RegistryLocation } from './location.ts';
import { openRegistry, type RegistryAccess } from './registry-access.ts';

export interface ListedTag {
  readonly tag: string;
  readonly digest?: string;
}

/** A registry that pages for ever gives this up. */
const MAX_PAGES = 10_000;
const DIGESTS_AT_ONCE = 8;

/** Every repository of a registry, page by page. @throws {ImageError} | {UpstreamError} */
export async function listRepositories(host: string, access: RegistryAccess): Promise<string[]> {
  const client = await openRegistry(host, access);
  try {
    return await allPages(host, async (page) => {
      const { repositories, next } = await client.listRepositories(page, access.signal);
      return { entries: repositories, next };
    });
  } finally {
    await client.close();
  }
}

/** Every tag of a repository, with what it names where that is wanted. @throws {ImageError} | {UpstreamError} */
export async function listTags(
  { host, repository }: RegistryLocation,
  access: RegistryAccess,
  { digests }: { readonly digests: boolean },
): Promise<ListedTag[]> {
  const client = await openRegistry(host, access);
  const { signal } = access;
  try {
    const tags = await allPages(`${host}/${repository}`, async (page) => {
      const { tags: entries, next } = await client.reader.listTags(repository, page, { signal });
      return { entries, next };
    });
    if (!digests) return tags.map((tag) => ({ tag }));
    return await pLimit(DIGESTS_AT_ONCE).map(tags, async (tag) => {
      const { digest } = await client.reader.resolveManifest(repository, { kind: 'tag', tag }, { signal });
      return { tag, digest };
    });
  } finally {
    await client.close();
  }
}

interface ListPage {
  readonly entries: readonly string[];
  readonly next: PageRequest | undefined;
}

async function allPages(name: string, ask: (page: PageRequest) => Promise<ListPage>): Promise<string[]> {
  const found: string[] = [];
  let page: PageRequest | undefined = {};
  for (let pages = 0; page !== undefined; pages++) {
    if (pages === MAX_PAGES) throw new ImageError(`${name}: the list has no end`);
    const { entries, next }: ListPage = await ask(page);
    found.push(...entries);
    // A registry that gives the same page again would do so for ever.
    page = next?.last !== undefined && next.last === page.last ? undefined : next;
  }
  return found;
}
