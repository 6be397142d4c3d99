import type { FinishedRequest } from '../http/v2/request-events.ts';
import { redactUrl } from './redact-url.ts';

type Attributes = Record<string, string | number | boolean>;

/** Routes of the kinds of requests: span names must be few. */
const ROUTES: Readonly<Record<FinishedRequest['handler'], string>> = {
  ping: '/v2/',
  manifest: '/v2/{name}/manifests/{reference}',
  blob: '/v2/{name}/blobs/{digest}',
  blob_upload: '/v2/{name}/blobs/uploads/',
  blob_upload_chunk: '/v2/{name}/blobs/uploads/{uuid}',
  tags: '/v2/{name}/tags/list',
  catalog: '/v2/_catalog',
  referrers: '/v2/{name}/referrers/{digest}',
  other: '/v2/*',
};

/** Over HTTP/2 a client can send any other. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** `GET /v2/{name}/manifests/{reference}` */
export function requestSpanName({ method, handler }: FinishedRequest): string {
  return `${METHODS.has(method) ? method : 'HTTP'} ${ROUTES[handler]}`;
}

/** @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span for names without `layover.` */
export function requestAttributes(request: FinishedRequest): Attributes {
  const [path = '', query] = redactUrl(request.url).split('?', 2);
  return defined({
    'http.request.method': request.method,
    'http.route': ROUTES[request.handler],
    'url.path': path,
    'url.query': query,
    'http.response.status_code': request.status,
    'http.response.body.size': request.bytes,
    'client.address': request.client,
    'user_agent.original': request.userAgent,
    'error.type': request.error?.code,
    'layover.request.id': request.requestId,
    'layover.repository': request.repository,
    'layover.reference': request.reference,
    'layover.outcome': request.outcome,
    'layover.upstream': request.upstream,
    'layover.aborted': request.aborted || undefined,
  });
}

/** Without undefined values. */
function defined(attributes: Readonly<Record<string, Attributes[string] | undefined>>): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, Attributes[string]] => entry[1] !== undefined),
  );
}
