import { type Digest, parseDigest } from './digest.ts';
import { allowedMethods, type EndpointName, type Operation } from './endpoints.ts';
import { RegistryError } from './errors.ts';
import { type PageRequest, parsePage } from './pagination.ts';
import { READ_OPERATIONS } from './read-operations.ts';
import { parseExistingReference, parseReference, parseRepositoryName, type Reference } from './reference.ts';
import { WRITE_OPERATIONS } from './write-operations.ts';
import { toManifestWrite, toUploadRequest, toUploadStart, type WriteRequest } from './write-request.ts';

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
      readonly page: PageRequest;
    }
  | WriteRequest
  /** `OPTIONS`: of HTTP, not of the distribution spec. */
  | { readonly kind: 'list-methods'; readonly allowed: readonly string[] };

/** Name of an operation, such as `get-manifest`. */
export type OciRequestKind = OciRequest['kind'];
/** The request of one kind. */
export type RequestOf<K extends OciRequestKind> = Extract<OciRequest, { kind: K }>;

/** Result of {@link parseOciRequest}. */
export interface ParsedRequest {
  readonly request: OciRequest;
  /** The `ns` parameter: the registry that the client pulls from. Absent without one. */
  readonly sourceHost: string | undefined;
}

/** A parsed path, without the method. */
type Endpoint =
  | { readonly name: 'ping' }
  | { readonly name: 'catalog' }
  | { readonly name: 'tags' | 'uploads'; readonly repository: string }
  | {
      readonly name: Exclude<EndpointName, 'ping' | 'catalog' | 'tags' | 'uploads'>;
      readonly repository: string;
      readonly last: string;
    };

/** The description of every kind of request; a missing one does not compile. */
export const OPERATIONS: Readonly<Record<Exclude<OciRequestKind, 'list-methods'>, Operation>> = {
  ...READ_OPERATIONS,
  ...WRITE_OPERATIONS,
};

const ALLOWED_METHODS = allowedMethods(Object.values(OPERATIONS));

/**
 * Parses method and URL of a request to the distribution API.
 *
 * @param url path and query, as on the request line
 * @throws {RegistryError} `NAME_INVALID`, `TAG_INVALID`, `DIGEST_INVALID`, `PAGINATION_NUMBER_INVALID`, or `UNSUPPORTED`
 *   (405 for a method that the endpoint does not support, 404 for an unknown path)
 */
export function parseOciRequest(method: string, url: string): ParsedRequest {
  const mark = url.indexOf('?');
  const endpoint = parseEndpoint(decodePath(mark === -1 ? url : url.slice(0, mark)));
  if (!ALLOWED_METHODS[endpoint.name].includes(method)) throw notAllowed(method, endpoint);
  const query = mark === -1 ? NO_QUERY : new URLSearchParams(url.slice(mark + 1));
  return { request: toRequest(endpoint, method, query), sourceHost: query.get('ns') ?? undefined };
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

const ROOT = '/v2/';

/** Reads from the right, because a repository name may contain `/blobs/`, `/manifests/` or `/tags/`. */
function parseEndpoint(path: string): Endpoint {
  if (path === ROOT || path === '/v2') return { name: 'ping' };
  const end = path.endsWith('/') ? path.length - 1 : path.length;
  const lastSlash = path.lastIndexOf('/', end - 1);
  const last = path.slice(lastSlash + 1, end);
  const wordSlash = path.lastIndexOf('/', lastSlash - 1);
  const word = path.slice(wordSlash + 1, lastSlash);
  const repository = path.slice(ROOT.length, wordSlash);
  switch (word) {
    case 'v2':
      if (wordSlash === 0 && last === '_catalog') return { name: 'catalog' };
      break;
    case 'manifests':
    case 'blobs':
    case 'referrers':
      return word === 'blobs' && last === 'uploads'
        ? { name: 'uploads', repository }
        : { name: word, repository, last };
    case 'tags':
      if (last === 'list') return { name: 'tags', repository };
      break;
    case 'uploads':
      if (repository.endsWith('/blobs'))
        return { name: 'upload', repository: repository.slice(0, -'/blobs'.length), last };
  }
  throw new RegistryError('UNSUPPORTED', 'no such endpoint', { status: 404 });
}

function toRequest(endpoint: Endpoint, method: string, query: URLSearchParams): OciRequest {
  if (method === 'OPTIONS') return { kind: 'list-methods', allowed: ALLOWED_METHODS[endpoint.name] };
  if (endpoint.name === 'ping') return { kind: 'ping' };
  if (endpoint.name === 'catalog') return { kind: 'list-repositories', page: parsePage(query) };
  const repository = parseRepositoryName(endpoint.repository);
  switch (endpoint.name) {
    case 'tags':
      return { kind: 'list-tags', repository, page: parsePage(query) };
    case 'manifests':
      return toManifestRequest({ repository, reference: referenceFor(method, endpoint.last) }, method, query);
    case 'blobs':
      return { kind: BLOB_KINDS[method] ?? 'get-blob', repository, digest: parseDigest(endpoint.last) };
    case 'referrers': {
      const artifactType = query.get('artifactType') || undefined;
      return {
        kind: 'list-referrers',
        repository,
        digest: parseDigest(endpoint.last),
        artifactType,
        page: parsePage(query),
      };
    }
    case 'uploads':
      return toUploadStart(repository, query);
    case 'upload':
      return toUploadRequest(repository, endpoint.last, { method, query });
  }
}

const BLOB_KINDS: Readonly<Record<string, 'head-blob' | 'delete-blob'>> = { HEAD: 'head-blob', DELETE: 'delete-blob' };

function referenceFor(method: string, text: string): Reference {
  return method === 'PUT' ? parseReference(text) : parseExistingReference(text);
}

function toManifestRequest(
  target: { readonly repository: string; readonly reference: Reference },
  method: string,
  query: URLSearchParams,
): OciRequest {
  if (method === 'GET') return { kind: 'get-manifest', ...target };
  return method === 'HEAD' ? { kind: 'head-manifest', ...target } : toManifestWrite(target, method, query);
}

function notAllowed(method: string, { name }: Endpoint): RegistryError {
  return new RegistryError('UNSUPPORTED', `${method} is not supported on ${name}`, {
    headers: { allow: ALLOWED_METHODS[name].join(', ') },
  });
}
