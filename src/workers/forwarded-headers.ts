import type { IncomingMessage } from 'node:http';

import { hasStream, isHttp2 } from '../http/listen/http2.ts';
import { HANDED_OVER } from './handed-over.ts';

/** Of one connection (RFC 9110, section 7.6.1); the worker responds to `Expect` itself. */
const OF_CONNECTION: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'upgrade', 'expect', HANDED_OVER]);
const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

/** The headers of a client's request as they are, without those of its connection. Names and values alternate. */
export function forwardedHeaders(req: IncomingMessage): string[] {
  const { rawHeaders } = req;
  const headers: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = [rawHeaders[i], rawHeaders[i + 1]];
    if (!name.startsWith(':') && !OF_CONNECTION.has(name.toLowerCase())) headers.push(name, value);
  }
  if (isHttp2(req)) addOfHttp1(headers, req);
  else if (!hasLength(req) && !WITHOUT_BODY.has(req.method ?? '')) headers.push('Content-Length', '0');
  return headers;
}

/** HTTP/2 has the host in `:authority`, and frames instead of a length. */
function addOfHttp1(headers: string[], req: IncomingMessage): void {
  const { host, ':authority': authority, 'content-length': length } = req.headers;
  if (host === undefined && typeof authority === 'string') headers.push('Host', authority);
  if (length !== undefined) return;
  if (!hasEnded(req)) headers.push('Transfer-Encoding', 'chunked');
  else if (!WITHOUT_BODY.has(req.method ?? '')) headers.push('Content-Length', '0');
}

/** Whether a request has no body. */
export function hasNoBody(req: IncomingMessage): boolean {
  return isHttp2(req) ? hasEnded(req) : !hasLength(req);
}

function hasLength({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

function hasEnded(req: IncomingMessage): boolean {
  return hasStream(req) && req.stream.endAfterHeaders;
}

/**
 * The headers of a response of the main process without those of its connection. `Connection: close` stays: the client's connection ends too.
 *
 * @returns names and values, which alternate
 */
export function responseHeaders({ rawHeaders }: IncomingMessage): string[] {
  const headers: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = [rawHeaders[i], rawHeaders[i + 1]];
    const key = name.toLowerCase();
    const isOfConnection = key === 'keep-alive' || key === 'transfer-encoding' || key === 'connection';
    if (!isOfConnection || (key === 'connection' && value === 'close')) headers.push(name, value);
  }
  return headers;
}

/** The same for HTTP/2, in which a connection does not end with a response. */
export function toHttp2Headers(headers: readonly string[]): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = {};
  for (let i = 0; i < headers.length; i += 2) {
    const [name = '', value = ''] = [headers[i]?.toLowerCase(), headers[i + 1]];
    const before = fields[name];
    if (name !== 'connection') fields[name] = before === undefined ? value : [before, value].flat();
  }
  return fields;
}
