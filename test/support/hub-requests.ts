import type { IncomingMessage } from 'node:http';

import type { LoggedRequest, RequestKind } from './request-log.ts';
import { digestInPath } from './signed-urls.ts';

const CONTENT = /^\/v2\/(.+)\/(manifests|blobs|referrers)\/([^/]+)$/;
const TAGS = /^\/v2\/(.+)\/tags\/list$/;

/** What a request to the registry's origin asks for, whether or not it may. */
export function classifyRegistryRequest(req: IncomingMessage): {
  readonly kind: RequestKind;
  readonly repository?: string;
  readonly reference?: string;
} {
  const { pathname } = requestUrl(req);
  if (/^\/v2\/?$/.test(pathname)) return { kind: 'ping' };
  const [, tagsOf] = TAGS.exec(pathname) ?? [];
  if (tagsOf !== undefined) return { kind: 'tags', repository: tagsOf };
  const [, repository, endpoint, reference] = CONTENT.exec(pathname) ?? [];
  if (repository === undefined || reference === undefined) return { kind: 'other' };
  return { kind: contentKind(req.method, endpoint), repository, reference: decodeURIComponent(reference) };
}

function contentKind(method: string | undefined, endpoint: string | undefined): RequestKind {
  if (method !== 'GET' && method !== 'HEAD') return 'other';
  if (endpoint === 'referrers') return 'referrers';
  const noun = endpoint === 'manifests' ? 'manifest' : 'blob';
  return method === 'HEAD' ? `${noun}-head` : `${noun}-get`;
}

export function requestUrl(req: IncomingMessage): URL {
  return new URL(req.url ?? '/', 'http://origin.invalid');
}

export function logEntry(
  kind: RequestKind,
  req: IncomingMessage,
  about: Pick<Partial<LoggedRequest>, 'repository' | 'reference'>,
): LoggedRequest {
  const { pathname, searchParams } = requestUrl(req);
  return {
    kind,
    method: req.method ?? '',
    path: pathname,
    query: searchParams,
    headers: req.headers,
    authorization: authorizationScheme(req.headers.authorization),
    range: req.headers.range,
    repository: about.repository ?? searchParams.get('repository') ?? undefined,
    reference: about.reference ?? digestInPath(pathname),
    status: 0,
    bytes: 0,
    complete: false,
  };
}

function authorizationScheme(header: string | undefined): LoggedRequest['authorization'] {
  if (header === undefined) return 'none';
  if (/^bearer /i.test(header)) return 'bearer';
  return /^basic /i.test(header) ? 'basic' : 'other';
}
