import type { PageRequest } from '../oci/pagination.ts';
import { isRecord, readJson } from './response-body.ts';
import type { CallScope } from './call-scope.ts';
import type { Endpoint } from './endpoint.ts';
import { nextPage, queryOf } from './tag-requests.ts';

export interface RepositoryPage {
  readonly repositories: readonly string[];
  /** The page after this one; undefined on the last. */
  readonly next: PageRequest | undefined;
}

/** Bytes. */
const MAX_BODY = 4 * 1024 * 1024;

/**
 * @throws {UpstreamError}
 * @see https://distribution.github.io/distribution/spec/api/#listing-repositories
 */
export function listRepositories(endpoint: Endpoint, page: PageRequest, scope: CallScope): Promise<RepositoryPage> {
  const headers = { accept: 'application/json' };
  const path = `_catalog${queryOf(page)}`;
  const request = { method: 'GET', repository: undefined, path, operation: 'catalog', headers } as const;
  return endpoint.call(request, scope, async (response) => {
    if (response.status !== 200) throw await endpoint.failure(response, scope);
    const body = await readJson(response, { upstream: endpoint.upstream, limit: MAX_BODY, scope });
    const repositories = isRecord(body) ? (body.repositories ?? []) : undefined;
    if (!Array.isArray(repositories) || !repositories.every((name) => typeof name === 'string')) {
      throw endpoint.protocolError(`the catalog of ${response.url.host} is none`, response.status);
    }
    return { repositories, next: nextPage(endpoint, response, repositories.at(-1)) };
  });
}
