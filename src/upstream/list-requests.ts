import type { PageRequest } from '../oci/pagination.ts';
import type { CallScope } from './call-scope.ts';
import type { Endpoint, EndpointRequest, EndpointResponse } from './endpoint.ts';
import { isRecord, readJson } from './response-body.ts';
import { headerText } from './transport.ts';
import type { RepositoryPage, TagPage } from './upstream.ts';

export interface TagsCall {
  readonly repository: string;
  readonly page: PageRequest;
  readonly scope: CallScope;
}

interface NamePage {
  readonly names: readonly string[];
  readonly next: PageRequest | undefined;
}

/** Bytes. */
const MAX_BODY = 4 * 1024 * 1024;

/**
 * @throws {UpstreamError}
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
 */
export async function listTags(endpoint: Endpoint, { repository, page, scope }: TagsCall): Promise<TagPage> {
  const request = { repository, path: `tags/list${queryOf(page)}`, operation: 'tags', key: 'tags' } as const;
  const { names, next } = await fetchNames(endpoint, request, scope);
  return { tags: names, next };
}

/**
 * @throws {UpstreamError}
 * @see https://distribution.github.io/distribution/spec/api/#listing-repositories
 */
export async function listRepositories(
  endpoint: Endpoint,
  page: PageRequest,
  scope: CallScope,
): Promise<RepositoryPage> {
  const path = `_catalog${queryOf(page)}`;
  const request = { repository: undefined, path, operation: 'catalog', key: 'repositories' } as const;
  const { names, next } = await fetchNames(endpoint, request, scope);
  return { repositories: names, next };
}

/** @param request.key of the JSON object, with the names */
function fetchNames(
  endpoint: Endpoint,
  { key, ...request }: Pick<EndpointRequest, 'repository' | 'path' | 'operation'> & { readonly key: string },
  scope: CallScope,
): Promise<NamePage> {
  const headers = { accept: 'application/json' };
  return endpoint.call({ method: 'GET', headers, ...request }, scope, async (response) => {
    if (response.status !== 200) throw await endpoint.failure(response, scope);
    const body = await readJson(response, { upstream: endpoint.upstream, limit: MAX_BODY, scope });
    const names = isRecord(body) ? (body[key] ?? []) : undefined;
    if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
      throw endpoint.protocolError(`${response.url.host} sent no list of ${key}`, response.status);
    }
    return { names, next: nextPage(endpoint, response, names.at(-1)) };
  });
}

function queryOf({ n, last }: PageRequest): string {
  const query = new URLSearchParams({ ...(n !== undefined && { n: String(n) }), ...(last !== undefined && { last }) });
  return query.size === 0 ? '' : `?${query.toString()}`;
}

/** Some registries page by a token; all known ones accept `last` as well. */
function nextPage(
  endpoint: Endpoint,
  response: EndpointResponse,
  lastEntry: string | undefined,
): PageRequest | undefined {
  const link = nextLink(headerText(response.headers, 'link'), response.url);
  if (!link) return undefined;
  if (link.hostname !== response.url.hostname)
    throw endpoint.protocolError(`the next page is on another host, ${link.host}`);
  const n = /^\d{1,9}$/.exec(link.searchParams.get('n') ?? '')?.[0];
  const last = link.searchParams.get('last') ?? lastEntry;
  return last === undefined ? undefined : { ...(n !== undefined && { n: Number(n) }), last };
}

const PARAMETER = String.raw`\s*;\s*([^\s,;="]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?`;
const LINK = new RegExp(`<([^<>]*)>((?:${PARAMETER})*)`, 'g');
const PARAMETERS = new RegExp(PARAMETER, 'g');

/**
 * The target of `rel="next"`, resolved against the page that it came with; undefined without one. Behind a proxy a registry
 * often gets its own scheme and port wrong, so only the host decides whether the link leads elsewhere.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8288#section-3
 */
export function nextLink(header: string | undefined, page: URL): URL | undefined {
  for (const [, target = '', parameters = ''] of (header ?? '').matchAll(LINK)) {
    if (isNext(parameters) && URL.canParse(target, page.href)) return new URL(target, page);
  }
  return undefined;
}

function isNext(parameters: string): boolean {
  for (const [, name = '', quoted, bare = ''] of parameters.matchAll(PARAMETERS)) {
    if (name.toLowerCase() === 'rel') return (quoted ?? bare).toLowerCase().split(/\s+/).includes('next');
  }
  return false;
}
