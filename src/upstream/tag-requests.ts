import type { PageRequest } from '../oci/pagination.ts';
import { isRecord, readJson } from './response-body.ts';
import type { CallScope } from './call-scope.ts';
import type { Endpoint, EndpointResponse } from './endpoint.ts';
import { nextLink } from './link.ts';
import { headerText } from './transport.ts';
import type { TagPage } from './upstream.ts';

export interface TagsCall {
  readonly repository: string;
  readonly page: PageRequest;
  readonly scope: CallScope;
}

/** Bytes. */
const MAX_TAGS_BODY = 4 * 1024 * 1024;

/**
 * @throws {UpstreamError}
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
 */
export function listTags(endpoint: Endpoint, { repository, page, scope }: TagsCall): Promise<TagPage> {
  const path = `tags/list${queryOf(page)}`;
  const headers = { accept: 'application/json' };
  return endpoint.call({ method: 'GET', repository, path, operation: 'tags', headers }, scope, async (response) => {
    if (response.status !== 200) throw await endpoint.failure(response, scope);
    const body = await readJson(response, { upstream: endpoint.upstream, limit: MAX_TAGS_BODY, scope });
    const tags = isRecord(body) ? (body.tags ?? []) : undefined;
    if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string')) {
      throw endpoint.protocolError(`the tag list of ${response.url.host} is none`, response.status);
    }
    return { tags, next: nextPage(endpoint, response, tags.at(-1)) };
  });
}

export function queryOf({ n, last }: PageRequest): string {
  const query = new URLSearchParams({ ...(n !== undefined && { n: String(n) }), ...(last !== undefined && { last }) });
  return query.size === 0 ? '' : `?${query.toString()}`;
}

/** Some registries page by a token of their own; all of those known take `last` as well. */
export function nextPage(
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
