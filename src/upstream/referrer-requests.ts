import type { ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { readIndexEntries } from '../oci/index-entries.ts';
import { OCI_INDEX } from '../oci/media-types.ts';
import { readBody } from './response-body.ts';
import type { CallScope } from './call-scope.ts';
import type { Endpoint, EndpointResponse, EndpointRequest } from './endpoint.ts';
import { nextLink } from './list-requests.ts';
import { contentType, fetchManifest } from './manifest-requests.ts';
import { headerText } from './transport.ts';
import { UpstreamError } from './upstream.ts';

export interface ReferrersCall {
  readonly repository: string;
  readonly digest: Digest;
  readonly scope: CallScope;
}

const MAX_PAGES = 50;
const MAX_ENTRIES = 10_000;
const MAX_PAGE_BYTES = 4 * 1024 * 1024;
/** Responses of a registry without this endpoint. */
const NO_API = new Set([400, 404, 405, 501]);

interface Page {
  readonly manifests: ManifestDescriptor[];
  /** Path and query after the repository's name. */
  readonly next: string | undefined;
}

/**
 * All pages of the API; where there is none, the index of the tag schema.
 *
 * @throws {UpstreamError} `protocol` for more than 50 pages or 10 000 entries; from a mirror, `not-found` when it has
 *   neither, as the upstream may have one
 */
export async function listReferrers(endpoint: Endpoint, call: ReferrersCall): Promise<ManifestDescriptor[]> {
  const found: ManifestDescriptor[] = [];
  let path: string | undefined = `referrers/${call.digest}`;
  for (let pages = 0; path !== undefined; pages++) {
    if (pages === MAX_PAGES || found.length > MAX_ENTRIES)
      throw endpoint.protocolError('the list of referrers has no end');
    const page: Page | undefined = await fetchPage(endpoint, path, call);
    if (!page) return fetchTagged(endpoint, call);
    found.push(...page.manifests);
    path = page.next;
  }
  return found;
}

function fetchPage(endpoint: Endpoint, path: string, call: ReferrersCall): Promise<Page | undefined> {
  const { repository, scope } = call;
  const request: EndpointRequest = {
    method: 'GET',
    repository,
    path,
    operation: 'referrers',
    headers: { accept: OCI_INDEX },
  };
  return endpoint.call(request, scope, async (response) => {
    if (NO_API.has(response.status) || (response.status === 200 && contentType(response) !== OCI_INDEX)) {
      response.body.drain();
      return undefined;
    }
    if (response.status !== 200) throw await endpoint.failure(response, scope);
    const bytes = await readBody(response, { upstream: endpoint.upstream, limit: MAX_PAGE_BYTES, scope });
    return { manifests: descriptorsIn(endpoint, bytes), next: nextPath(endpoint, response, repository) };
  });
}

/** @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema */
async function fetchTagged(
  endpoint: Endpoint,
  { repository, digest, scope }: ReferrersCall,
): Promise<ManifestDescriptor[]> {
  const tag = digest.replace(':', '-');
  try {
    const { bytes } = await fetchManifest(endpoint, { repository, reference: { kind: 'tag', tag }, scope });
    return descriptorsIn(endpoint, bytes);
  } catch (err) {
    if (err instanceof UpstreamError && err.kind === 'not-found' && !endpoint.isMirror) return [];
    throw err;
  }
}

/** Relative to the repository: the next page is requested like the first, with the same credentials and host. */
function nextPath(endpoint: Endpoint, response: EndpointResponse, repository: string): string | undefined {
  const link = nextLink(headerText(response.headers, 'link'), response.url);
  if (!link) return undefined;
  const at = link.pathname.indexOf(`/v2/${repository}/referrers/`);
  if (link.hostname !== response.url.hostname || at < 0)
    throw endpoint.protocolError(`the next page is on another host or path, ${link.host}`);
  return link.pathname.slice(at + `/v2/${repository}/`.length) + link.search;
}

function descriptorsIn(endpoint: Endpoint, index: Uint8Array): ManifestDescriptor[] {
  try {
    return readIndexEntries(index);
  } catch (err) {
    if (err instanceof RegistryError) throw endpoint.protocolError('the list of referrers is not an index');
    throw err;
  }
}
