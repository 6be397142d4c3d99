import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import { faultOfHost } from './host-of.ts';

/** Another site's page in somebody's browser sent the request, or may have. */
export class ForeignRequestError extends Error {
  override readonly name = 'ForeignRequestError';
  readonly status: 400 | 403;

  constructor(message: string, status: 400 | 403 = 403) {
    super(message);
    this.status = status;
  }
}

/**
 * @param isServed whether the page is served for the `Host` of the request
 * @param key of the configuration, which has further hosts
 * @throws {ForeignRequestError} when another site's page may have sent it
 */
export function refuseForeign(request: IncomingMessage, isServed: boolean, key: string): void {
  const { headers } = request;
  const fault = faultOfHost(request);
  if (fault !== undefined) throw new ForeignRequestError(fault, 400);
  if (isCrossOrigin(headers)) throw new ForeignRequestError('requests of pages of another origin are refused');
  if (isServed) return;
  throw new ForeignRequestError(`not served for Host ${JSON.stringify(headers.host)} (add it to ${key})`);
}

/**
 * Whether a request was sent by a page of another origin. A page that links here counts too: what is guarded is opened by hand.
 *
 * @see https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
 */
function isCrossOrigin(headers: IncomingHttpHeaders): boolean {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  if (origin === undefined) return false;
  // Not the scheme: TLS may have ended at a proxy. The port counts, as another server of this machine is another origin.
  return origin.replace(/^https?:\/\//i, '').toLowerCase() !== host?.toLowerCase();
}
