import type { WantedContent } from '../registry/repository-access.ts';
import { referenceText } from '../oci/reference.ts';
import type { CallScope } from './call-scope.ts';
import { parseChallenges } from './challenge.ts';
import type { Endpoint, EndpointRequest, EndpointResponse } from './endpoint.ts';
import { MANIFEST_ACCEPT } from './manifest-requests.ts';
import { isRealmUsable } from './realm.ts';
import { headerText } from './transport.ts';
import { type AccessResult, UpstreamError } from './upstream.ts';

export interface AccessCall {
  readonly repository: string;
  readonly wanted: WantedContent;
  readonly scope: CallScope;
}

/**
 * By `HEAD` of the wanted content; where that is not there, by the first tag.
 *
 * @throws {UpstreamError} when the registry does not decide
 */
export async function checkAccess(endpoint: Endpoint, call: AccessCall): Promise<AccessResult> {
  const request = requestOf(call);
  const result = request ? await send(endpoint, request, call.scope) : 'not-found';
  if (result !== 'not-found') return result;
  const listed = await send(endpoint, tagsRequest(call), call.scope);
  if (listed === 'not-found') return 'refused';
  // A registry that does not list tags for this client may still have shown that the content is not there.
  return listed === 'refused' && request ? 'unclear' : listed;
}

/**
 * The challenge of the registry for reading a repository, for a client that then gets a token there. Its realm is an absolute URL.
 *
 * @returns undefined when the registry requires none, or no token
 * @throws {UpstreamError}
 */
export async function findChallenge(
  endpoint: Endpoint,
  repository: string,
  scope: CallScope,
): Promise<string | undefined> {
  const { status, headers } = await endpoint.sendWithoutLogin(`${repository}/manifests/latest`, scope);
  if (status !== 401) return undefined;
  for (const { scheme, parameters } of parseChallenges(headerText(headers, 'www-authenticate') ?? '')) {
    const realm = parameters.get('realm') ?? '';
    if (scheme !== 'bearer' || !URL.canParse(realm, endpoint.base.href)) continue;
    const url = new URL(realm, endpoint.base);
    if (!isRealmUsable(url, endpoint.base)) continue;
    const service = parameters.get('service');
    const named = parameters.get('scope') || `repository:${repository}:pull`;
    return `Bearer ${[
      ['realm', url.href],
      ['service', service],
      ['scope', named],
    ]
      .flatMap(parameter)
      .join(',')}`;
  }
  return undefined;
}

/** Without `error`, which describes the response to the cache. */
function parameter([name, value]: readonly (string | undefined)[]): string[] {
  return value === undefined ? [] : [`${name}="${value.replace(/["\\]/g, '\\$&')}"`];
}

type Sent = 'granted' | 'refused' | 'not-found';

/** Responses to `HEAD` that do not depend on the content. */
const UNSUPPORTED = new Set([400, 405, 501]);

async function send(endpoint: Endpoint, request: EndpointRequest, scope: CallScope): Promise<Sent> {
  try {
    return await endpoint.call(request, scope, async (response) => {
      if (isGranted(response, request)) {
        response.body.drain();
        return 'granted';
      }
      if (isPage(response)) {
        response.body.drain();
        return 'refused';
      }
      if (UNSUPPORTED.has(response.status)) {
        response.body.drain();
        return 'not-found';
      }
      throw await endpoint.failure(response, scope);
    });
  } catch (err) {
    const kind = err instanceof UpstreamError ? err.kind : undefined;
    if (kind === 'unauthorized' || kind === 'denied') return 'refused';
    if (kind === 'not-found') return 'not-found';
    throw err;
  }
}

/** A blob's redirect shows that the registry grants it: what a `HEAD` gets where it leads depends on how the URL is signed. */
function isGranted(response: EndpointResponse, { operation }: EndpointRequest): boolean {
  const { status, isForeign } = response;
  return !isPage(response) && (status === 200 || (isForeign && operation === 'blob'));
}

/** A page for people, such as that of a sign-in in front of the registry: it grants nothing, although its status is 200. */
function isPage({ status, headers }: EndpointResponse): boolean {
  return status === 200 && /^text\/html\b/i.test(headerText(headers, 'content-type') ?? '');
}

function requestOf({ repository, wanted }: AccessCall): EndpointRequest | undefined {
  if (wanted.kind === 'tags') return undefined;
  const method = 'HEAD';
  if (wanted.kind === 'blob')
    return { method, repository, path: `blobs/${wanted.digest}`, operation: 'blob', headers: { accept: '*/*' } };
  const path = `manifests/${referenceText(wanted.reference)}`;
  return { method, repository, path, operation: 'manifest', headers: { accept: MANIFEST_ACCEPT } };
}

function tagsRequest({ repository }: AccessCall): EndpointRequest {
  const headers = { accept: 'application/json' };
  return { method: 'GET', repository, path: 'tags/list?n=1', operation: 'tags', headers };
}
