import type { IncomingMessage } from 'node:http';

/** A `Host` that can be part of a URL: RFC 9110, section 7.2. */
const HOST = /^(?:[\w.~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/** Any valid `Host`, also an empty one: RFC 3986, section 3.2.2. */
const VALUE = /^(?:[\w.~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::\d*)?$/;

/** Whether a text can be the host of a URL. */
export function isHost(text: string): boolean {
  return HOST.test(text);
}

/**
 * The fault of the host in a request, if any. A proxy could read an ambiguous one differently.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1
 */
export function faultOfHost({ headers, rawHeaders }: IncomingMessage): string | undefined {
  const { host, ':authority': authority } = headers;
  if (host === undefined) return undefined;
  if (hasSecondHost(rawHeaders)) return 'the request has more than one Host header';
  if (!VALUE.test(host)) return 'the Host header is not a host';
  if (typeof authority !== 'string' || authority.toLowerCase() === host.toLowerCase()) return undefined;
  return 'the Host header is not the host of :authority';
}

/** Node keeps only the first of two. */
function hasSecondHost(rawHeaders: readonly string[]): boolean {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count > 1;
}

/** The host of the request, with the port: `Host`, or `:authority` in HTTP/2 (RFC 9113, section 8.3.1). */
export function hostOf({ headers }: IncomingMessage): string | undefined {
  return headers.host ?? (headers[':authority'] as string | undefined);
}
