import type { IncomingMessage } from 'node:http';

import { hostOf } from '../http/client/host-of.ts';

/**
 * Everything that decides which content a `GET` or `HEAD` gets: the target as the client sent it, the host, and the credentials. Requests
 * with different texts never share a key, also when they mean the same.
 *
 * @returns undefined for a request that is never permitted
 */
export function permitKey(req: IncomingMessage): string | undefined {
  const { method, url = '', headers } = req;
  const host = hostOf(req);
  if ((method !== 'GET' && method !== 'HEAD') || host === undefined || !url.startsWith('/')) return undefined;
  const { authorization } = headers;
  // None of them can contain a line feed.
  return authorization === undefined ? `${host}\n${url}` : `${host}\n${url}\n${authorization}`;
}
