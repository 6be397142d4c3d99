import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import { faultOfHost, hostOf } from './host-of.ts';

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
  refuseCrossOrigin(request, [request.headers.host]);
  refuseUnknownHost(request, { isServed, key });
}

/**
 * @param hosts by which this server is known, with their ports
 * @throws {ForeignRequestError} when a page of another origin may have sent it
 */
export function refuseCrossOrigin(request: IncomingMessage, hosts: readonly (string | undefined)[]): void {
  const fault = faultOfHost(request);
  if (fault !== undefined) throw new ForeignRequestError(fault, 400);
  if (isCrossOrigin(request.headers, hosts))
    throw new ForeignRequestError('requests from pages of another origin are refused');
}

/** @throws {ForeignRequestError} when the name is not one of this server */
export function refuseUnknownHost(
  request: IncomingMessage,
  { isServed, key }: { readonly isServed: boolean; readonly key: string },
): void {
  if (isServed) return;
  throw new ForeignRequestError(`not served for Host ${JSON.stringify(hostOf(request))} (add it to ${key})`);
}

/**
 * Refuses a request of which a browser does not show that a page of this server sent it. For changes with credentials that browsers send on
 * their own, after {@link refuseCrossOrigin}.
 *
 * @throws {ForeignRequestError}
 */
export function requireOwnPage({ headers }: IncomingMessage): void {
  const { origin, 'sec-fetch-site': site } = headers;
  if (site === 'same-origin' || (site === undefined && origin !== undefined)) return;
  throw new ForeignRequestError('changes in a session must come from a page of this server');
}

/**
 * Whether a page of another origin sent the request. Following a link counts: these pages are opened directly.
 *
 * @see https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
 */
function isCrossOrigin(headers: IncomingHttpHeaders, hosts: readonly (string | undefined)[]): boolean {
  const { origin, 'sec-fetch-site': site } = headers;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  if (origin === undefined) return false;
  // The scheme is not compared: TLS may end at a proxy. The port is: another server on this machine is another origin.
  const from = origin.replace(/^https?:\/\//i, '').toLowerCase();
  return !hosts.some((host) => host?.toLowerCase() === from);
}
