import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import { faultOfHost } from './host-of.ts';

/** A page of another site may have sent the request. */
export class ForeignRequestError extends Error {
  override readonly name = 'ForeignRequestError';
  readonly status: 400 | 403;

  constructor(message: string, status: 400 | 403 = 403) {
    super(message);
    this.status = status;
  }
}

/**
 * @param check.isServed whether the page is served for the `Host` of the request
 * @param check.key configuration key for further hosts
 * @throws {ForeignRequestError} when another site's page may have sent it
 */
export function refuseForeign(
  request: IncomingMessage,
  { isServed, key }: { readonly isServed: boolean; readonly key: string },
): void {
  const { headers } = request;
  const fault = faultOfHost(request);
  if (fault !== undefined) throw new ForeignRequestError(fault, 400);
  if (isCrossOrigin(headers)) throw new ForeignRequestError('requests from pages of another origin are refused');
  if (isServed) return;
  throw new ForeignRequestError(`not served for Host ${JSON.stringify(headers.host)} (add it to ${key})`);
}

/**
 * Whether a page of another origin sent the request. Following a link counts: these pages are opened directly.
 *
 * @see https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
 */
function isCrossOrigin(headers: IncomingHttpHeaders): boolean {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  if (origin === undefined) return false;
  // The scheme is not compared: TLS may end at a proxy. The port is: another server on this machine is another origin.
  return origin.replace(/^https?:\/\//i, '').toLowerCase() !== host?.toLowerCase();
}
