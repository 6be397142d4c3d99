import type { IncomingMessage } from 'node:http';

import type { HttpConfig } from '../../config/config.ts';
import type { Clients } from './client-address.ts';
import { hostOf, isHost } from './host-of.ts';

/** Scheme and host of this service as the client reaches it, with the path prefix; no slash at the end. */
export type BaseUrl = (req: IncomingMessage) => string;

export type Locate = (req: IncomingMessage, path: string) => string;

/**
 * Makes URLs of paths below the registry's root, such as `/v2/app/blobs/…`, for `Location` headers.
 *
 * They have scheme and host when these are known: from `http.host`, or from trusted proxies. Otherwise they are relative, which
 * clients resolve against the address that they used; `relativeurls: false` guesses from the request instead, as distribution does.
 */
export function createLocate({ prefix, host, relativeUrls }: HttpConfig, clients: Clients): Locate {
  const root = prefix.slice(0, -1);
  if (relativeUrls === true) return (_req, path) => root + path;
  if (host !== undefined) return (_req, path) => host + root + path;
  const isGuessing = relativeUrls === false;
  return (req, path) => originOf(req, clients, isGuessing) + root + path;
}

function originOf(req: IncomingMessage, clients: Clients, isGuessing: boolean): string {
  const told = clients.told(req);
  const isTold = told.scheme !== undefined || told.host !== undefined;
  const host = told.host ?? hostOf(req);
  if (host === undefined || !isHost(host) || !(isTold || isGuessing)) return '';
  const scheme = told.scheme ?? ('encrypted' in req.socket ? 'https' : 'http');
  return `${scheme}://${host}`;
}

/**
 * For challenges, whose URLs cannot be relative. What is not configured or told by a trusted proxy is guessed from the request; a
 * client that says that it came by https can only mislead itself.
 */
export function createBaseUrl({ prefix, host }: HttpConfig, clients: Clients): BaseUrl {
  const root = prefix.slice(0, -1);
  if (host !== undefined) return () => host + root;
  return (req) => {
    const told = clients.told(req);
    const name = told.host ?? hostOf(req);
    const isSecure = 'encrypted' in req.socket || req.headers['x-forwarded-proto'] === 'https';
    const scheme = told.scheme ?? (isSecure ? 'https' : 'http');
    return name !== undefined && isHost(name) ? `${scheme}://${name}${root}` : root;
  };
}
