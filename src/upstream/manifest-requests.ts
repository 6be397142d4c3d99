import { type Digest, digestAlgorithm, digestOf, isDigest } from '../oci/digest.ts';
import { OCTET_STREAM } from '../oci/descriptor.ts';
import { readManifest } from '../oci/manifest.ts';
import { MANIFEST_MEDIA_TYPES } from '../oci/media-types.ts';
import { type Reference, referenceText } from '../oci/reference.ts';
import { readBody } from './response-body.ts';
import type { CallScope } from './call-scope.ts';
import { encodingsOf, isHtml } from './content-encoding.ts';
import { parseLength } from './content-range.ts';
import type { Endpoint, EndpointResponse, EndpointRequest } from './endpoint.ts';
import { headerText } from './transport.ts';
import { type FetchedManifest, MAX_MANIFEST_BYTES, type ResolvedManifest } from './upstream.ts';

/** All types that a registry may have, so that it does not convert; the last one is for future types. */
export const MANIFEST_ACCEPT = [...MANIFEST_MEDIA_TYPES, '*/*'].join(', ');

/** Responses to `HEAD` after which a `GET` may still succeed: some registries do not serve `HEAD`, or not everywhere. */
const HEAD_UNSUPPORTED = new Set([400, 405, 501]);

/** Docker Hub's registry, which serves `HEAD` everywhere. */
const DOCKER_HUB = /(?:^|\.)docker\.(?:io|com)$/;

/** Types of Docker, OCI and others. */
const MANIFEST_TYPE = /^application\/vnd\.[\w.+-]+$/;

export interface ManifestCall {
  readonly repository: string;
  readonly reference: Reference;
  readonly scope: CallScope;
}

/** By `HEAD`, or by `GET` where the response to `HEAD` is not sufficient. @throws {UpstreamError} */
export async function resolveManifest(endpoint: Endpoint, call: ManifestCall): Promise<ResolvedManifest> {
  const { reference, scope } = call;
  const resolved = await endpoint.call(manifestRequest('HEAD', call), scope, async (response) => {
    if (response.status !== 200 && !mayServeGet(endpoint, response)) throw await endpoint.failure(response, scope);
    response.body.drain();
    return response.status === 200 ? readHead(response, reference) : undefined;
  });
  if (resolved) return resolved;
  const fetched = await fetchManifest(endpoint, call);
  const { bytes, mediaType, claimedDigest: claimed } = fetched;
  const digest = reference.kind === 'digest' ? reference.digest : (claimed ?? digestOf(bytes));
  return { digest, mediaType, size: bytes.length, fetched };
}

/**
 * Whether a `GET` may succeed where `HEAD` did not, or state the reason of a 403: the response to `HEAD` has no body. Both 404 and 403 are
 * final at a mirror, after which the next host is tried, and at a registry that counts pulls, which serves `HEAD` for free.
 */
function mayServeGet({ isMirror, base }: Endpoint, { status, headers }: EndpointResponse): boolean {
  if (HEAD_UNSUPPORTED.has(status)) return true;
  if (status !== 404 && !(status === 403 && headerText(headers, 'retry-after') === undefined)) return false;
  return !isMirror && !DOCKER_HUB.test(base.hostname) && headerText(headers, 'ratelimit-limit') === undefined;
}

/** @throws {UpstreamError} */
export function fetchManifest(endpoint: Endpoint, call: ManifestCall): Promise<FetchedManifest> {
  const { scope } = call;
  return endpoint.call(manifestRequest('GET', call), scope, async (response) => {
    if (response.status !== 200) throw await endpoint.failure(response, scope);
    const bytes = await readBody(response, { upstream: endpoint.upstream, limit: MAX_MANIFEST_BYTES, scope });
    // Some registries label manifests as HTML; a login page has another digest, or none.
    if (isHtml(response) && !isVerified(bytes, expectedDigest(call, response)))
      throw endpoint.protocolError(`${response.url.host} sent an HTML page instead of a manifest`, response.status);
    const mediaType = contentType(response) ?? mediaTypeInside(bytes);
    return { bytes, mediaType, claimedDigest: claimedDigest(response) };
  });
}

function manifestRequest(method: 'GET' | 'HEAD', { repository, reference }: ManifestCall): EndpointRequest {
  const path = `manifests/${referenceText(reference)}`;
  return { method, repository, path, operation: 'manifest', headers: { accept: MANIFEST_ACCEPT } };
}

function expectedDigest(
  { reference }: Pick<ManifestCall, 'reference'>,
  response: EndpointResponse,
): Digest | undefined {
  return reference.kind === 'digest' ? reference.digest : claimedDigest(response);
}

function isVerified(bytes: Uint8Array, digest: Digest | undefined): boolean {
  return digest !== undefined && digestOf(bytes, digestAlgorithm(digest)) === digest;
}

/** A requested digest is the digest, whatever the header claims. */
function readHead(response: EndpointResponse, reference: Reference): ResolvedManifest | undefined {
  const digest = expectedDigest({ reference }, response);
  const mediaType = contentType(response);
  // For other types, such as `application/json` or a page of HTML, only the body shows whether it is a manifest, and of which type.
  if (digest === undefined || mediaType === undefined || !MANIFEST_TYPE.test(mediaType)) return undefined;
  const isEncoded = encodingsOf(response).length > 0;
  return {
    digest,
    mediaType,
    size: isEncoded ? undefined : parseLength(headerText(response.headers, 'content-length')),
  };
}

function claimedDigest({ headers }: EndpointResponse): Digest | undefined {
  const claimed = headerText(headers, 'docker-content-digest')?.trim();
  return claimed !== undefined && isDigest(claimed) ? claimed : undefined;
}

/** Without parameters, in lower case. */
export function contentType({ headers }: EndpointResponse): string | undefined {
  const type = headerText(headers, 'content-type')?.split(';')[0]?.trim().toLowerCase();
  return type === '' ? undefined : type;
}

/** A manifest may contain its own type. @see https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md */
function mediaTypeInside(bytes: Buffer): string {
  try {
    return readManifest(bytes).manifest.mediaType;
  } catch {
    // The caller decides whether it is a manifest at all.
    return OCTET_STREAM;
  }
}
