import { type Digest, parseDigest } from './digest.ts';
import { RegistryError } from './errors.ts';
import { type PageRequest, parsePage } from './pagination.ts';
import { parseReference, parseRepositoryName, type Reference } from './reference.ts';

/**
 * One request of the distribution API, parsed. `kind` decides the handler.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints
 */
export type OciRequest =
  | { readonly kind: 'ping' }
  | { readonly kind: 'list-repositories'; readonly page: PageRequest }
  | { readonly kind: 'list-tags'; readonly repository: string; readonly page: PageRequest }
  | { readonly kind: 'get-manifest'; readonly repository: string; readonly reference: Reference }
  | { readonly kind: 'head-manifest'; readonly repository: string; readonly reference: Reference }
  | { readonly kind: 'get-blob'; readonly repository: string; readonly digest: Digest }
  | { readonly kind: 'head-blob'; readonly repository: string; readonly digest: Digest }
  | {
      readonly kind: 'list-referrers';
      readonly repository: string;
      readonly digest: Digest;
      readonly artifactType: string | undefined;
    };

export type OciRequestKind = OciRequest['kind'];
export type RequestOf<K extends OciRequestKind> = Extract<OciRequest, { kind: K }>;

export interface ParsedRequest {
  readonly request: OciRequest;
  /** The `ns` parameter: the registry that the client meant. */
  readonly sourceHost: string | undefined;
}

/** What a path names, before the method says what to do with it. */
type Endpoint =
  | { readonly name: 'ping' }
  | { readonly name: 'catalog' }
  | { readonly name: 'tags' | 'uploads'; readonly repository: string }
  | { readonly name: 'manifests' | 'blobs' | 'referrers'; readonly repository: string; readonly last: string };

const ALLOWED_METHODS: Readonly<Record<Endpoint['name'], readonly string[]>> = {
  ping: ['GET', 'HEAD'],
  catalog: ['GET', 'HEAD'],
  tags: ['GET', 'HEAD'],
  manifests: ['GET', 'HEAD'],
  blobs: ['GET', 'HEAD'],
  referrers: ['GET', 'HEAD'],
  uploads: [],
};

/**
 * @param url path and query, as on the request line
 * @throws {RegistryError} `NAME_INVALID`, `TAG_INVALID`, `DIGEST_INVALID`, `PAGINATION_NUMBER_INVALID`, or `UNSUPPORTED`
 *   (405 for a method that the endpoint does not have, 404 for a path that is no endpoint)
 */
export function parseOciRequest(method: string, url: string): ParsedRequest {
  const mark = url.indexOf('?');
  const endpoint = parseEndpoint(decodePath(mark === -1 ? url : url.slice(0, mark)));
  const allowed = ALLOWED_METHODS[endpoint.name];
  if (!allowed.includes(method)) throw notAllowed(method, endpoint, allowed);
  const query = mark === -1 ? NO_QUERY : new URLSearchParams(url.slice(mark + 1));
  return { request: toRequest(endpoint, method === 'HEAD', query), sourceHost: query.get('ns') ?? undefined };
}

const NO_QUERY = new URLSearchParams();

function decodePath(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new RegistryError('NAME_INVALID', 'the path is not valid percent-encoding', { cause });
  }
}

/** Read from the right, as a name may itself contain `/blobs/`, `/manifests/` or `/tags/`. */
function parseEndpoint(path: string): Endpoint {
  if (path === '/v2/' || path === '/v2') return { name: 'ping' };
  const segments = path.slice('/v2/'.length).split('/');
  if (segments.at(-1) === '') segments.pop();
  if (segments.length === 1 && segments[0] === '_catalog') return { name: 'catalog' };
  const [third, second, last] = [segments.at(-3), segments.at(-2), segments.at(-1) ?? ''];
  const repository = (words: number) => segments.slice(0, -words).join('/');
  if (second === 'tags' && last === 'list') return { name: 'tags', repository: repository(2) };
  if (second === 'blobs' && last === 'uploads') return { name: 'uploads', repository: repository(2) };
  if (second === 'manifests' || second === 'blobs' || second === 'referrers') {
    return { name: second, repository: repository(2), last };
  }
  if (third === 'blobs' && second === 'uploads') return { name: 'uploads', repository: repository(3) };
  throw new RegistryError('UNSUPPORTED', 'no such endpoint', { status: 404 });
}

function toRequest(endpoint: Endpoint, head: boolean, query: URLSearchParams): OciRequest {
  if (endpoint.name === 'ping') return { kind: 'ping' };
  if (endpoint.name === 'catalog') return { kind: 'list-repositories', page: parsePage(query) };
  const repository = parseRepositoryName(endpoint.repository);
  switch (endpoint.name) {
    case 'tags':
      return { kind: 'list-tags', repository, page: parsePage(query) };
    case 'manifests':
      return { kind: head ? 'head-manifest' : 'get-manifest', repository, reference: parseReference(endpoint.last) };
    case 'blobs':
      return { kind: head ? 'head-blob' : 'get-blob', repository, digest: parseDigest(endpoint.last) };
    case 'referrers': {
      const artifactType = query.get('artifactType') || undefined;
      return { kind: 'list-referrers', repository, digest: parseDigest(endpoint.last), artifactType };
    }
    case 'uploads':
      throw notAllowed('', endpoint, []);
  }
}

function notAllowed(method: string, { name }: Endpoint, allowed: readonly string[]): RegistryError {
  const reason = allowed.length === 0 ? 'this registry takes no pushes' : `${method} is not possible on ${name}`;
  return new RegistryError('UNSUPPORTED', reason, { headers: { allow: allowed.join(', ') } });
}
