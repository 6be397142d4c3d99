import { RegistryError } from '../../../oci/errors.ts';
import { OCI_INDEX } from '../../../oci/media-types.ts';
import { nextPageLink, type Page, type PageRequest } from '../../../oci/pagination.ts';
import type { CallOptions, RegistryLister } from '../../../registry/registry.ts';
import type { Exchange } from '../exchange.ts';
import type { RouteContext, RouteHandler } from '../route-table.ts';
import { sendJson } from '../send-json.ts';

/** Without `n`, like distribution. */
const DEFAULT_CATALOG_PAGE = 100;

/** `GET /v2/_catalog`, from Docker's registry: all stored repositories, hosted and cached. */
export function listRepositories(registry: RegistryLister, maxEntries: number): RouteHandler<'list-repositories'> {
  return async ({ page }, { exchange, maySee }) => {
    const { n = Math.min(DEFAULT_CATALOG_PAGE, maxEntries) } = page;
    if (n > maxEntries) {
      throw new RegistryError('PAGINATION_NUMBER_INVALID', `n must be at most ${maxEntries}`, { detail: { n } });
    }
    const { entries, next } = await listVisible(registry, { ...page, n }, { maySee, signal: exchange.signal });
    sendJson(exchange, { repositories: entries }, linkHeader(exchange, next));
  };
}

/** A page of the repositories that the caller may see, read from as many pages of the catalog as needed. */
async function listVisible(
  registry: RegistryLister,
  page: PageRequest & { readonly n: number },
  { maySee, signal }: Pick<RouteContext, 'maySee'> & CallOptions,
): Promise<Page<string>> {
  if (maySee === undefined || page.n === 0) return registry.listRepositories(page, { signal });
  const visible: string[] = [];
  for (let request = page; ; ) {
    const { entries, next } = await registry.listRepositories(request, { signal });
    visible.push(...entries.filter(maySee));
    const last = visible[page.n - 1];
    const isMore = visible.length > page.n || next !== undefined;
    if (last !== undefined)
      return { entries: visible.slice(0, page.n), next: isMore ? { n: page.n, last } : undefined };
    if (next === undefined) return { entries: visible, next };
    request = next;
  }
}

/** `GET /v2/<name>/tags/list`: end-8 of the distribution spec. */
export function listTags(maxEntries: number): RouteHandler<'list-tags'> {
  return async ({ repository, page }, { exchange, target }) => {
    const { registry, repository: name } = target(repository);
    if (page.n === 0) {
      // Not passed on: some upstreams take 0 for "all".
      sendJson(exchange, { name: repository, tags: [] });
      return;
    }
    const limited = page.n === undefined ? page : { ...page, n: Math.min(page.n, maxEntries) };
    const list = await registry.listTags(name, limited, exchange);
    exchange.served(list);
    sendJson(exchange, { name: repository, tags: list.entries }, linkHeader(exchange, list.next));
  };
}

/** `GET /v2/<name>/referrers/<digest>`: end-12 of the distribution spec. */
export const listReferrers: RouteHandler<'list-referrers'> = async (request, { exchange, target }) => {
  const { registry, repository: name } = target(request.repository);
  const { artifactType, page } = request;
  const found = await registry.listReferrers(name, request.digest, { ...page, artifactType }, exchange);
  exchange.served(found);
  sendJson(
    exchange,
    { schemaVersion: 2, mediaType: OCI_INDEX, manifests: found.manifests },
    {
      'content-type': OCI_INDEX,
      ...(artifactType && { 'oci-filters-applied': 'artifactType' }),
      ...linkHeader(exchange, found.next === undefined ? undefined : { ...page, last: found.next }),
    },
  );
};

function linkHeader(
  { target }: Exchange,
  next: (PageRequest & { readonly last: string }) | undefined,
): Record<string, string> {
  return next ? { link: nextPageLink(target, next) } : {};
}
