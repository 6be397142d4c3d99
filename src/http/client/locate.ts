import type { IncomingMessage } from 'node:http';

import type { Clients } from './client-address.ts';
import { connectionOf } from './connection.ts';
import { hostOf, isHost } from './host-of.ts';
import type { ForwardedInfo } from './trusted-proxies.ts';

export interface UrlOptions {
  /** Path prefix; starts and ends with `/`. */
  readonly prefix: string;
  /** Scheme and host of all URLs, without a slash at the end. Absent when they depend on the request. */
  readonly host?: string | undefined;
}

export interface LocateOptions extends UrlOptions {
  /** True: no scheme and host. False: taken from the request when they are not known. Absent: only when they are known. */
  readonly relativeUrls?: boolean | undefined;
}

/** Scheme and host at which the client reaches this service, with the path prefix; no slash at the end. */
export type BaseUrl = (req: IncomingMessage) => string;

export type Locate = (req: IncomingMessage, path: string) => string;

/**
 * Builds URLs of paths below the registry's root, such as `/v2/app/blobs/…`, for `Location` headers.
 *
 * They have scheme and host when these are known: from `http.host`, or from trusted proxies. Otherwise they are relative, which
 * clients resolve against the address that they used; `relativeurls: false` guesses from the request instead, like distribution.
 */
export function createLocate({ prefix, host, relativeUrls }: LocateOptions, clients: Clients): Locate {
  const root = prefix.slice(0, -1);
  if (relativeUrls === true) return (_req, path) => root + path;
  if (host !== undefined) return (_req, path) => host + root + path;
  const originOf = relativeUrls === false ? requestOrigin : forwardedOrigin;
  return (req, path) => originOf(req, clients.forwarded(req)) + root + path;
}

function forwardedOrigin(req: IncomingMessage, forwarded: ForwardedInfo): string {
  const isKnown = forwarded.scheme !== undefined || forwarded.host !== undefined;
  return isKnown ? requestOrigin(req, forwarded) : '';
}

/** Empty when the request has no valid host. */
function requestOrigin(req: IncomingMessage, forwarded: ForwardedInfo): string {
  const host = forwarded.host ?? hostOf(req);
  if (host === undefined || !isHost(host)) return '';
  const scheme = forwarded.scheme ?? ('encrypted' in connectionOf(req) ? 'https' : 'http');
  return `${scheme}://${host}`;
}

/**
 * Builds URLs for challenges, which cannot be relative. Scheme and host that are neither configured nor set by a trusted proxy are taken
 * from the request: a client that sends a false `X-Forwarded-Proto` misleads only itself.
 */
export function createBaseUrl({ prefix, host }: UrlOptions, clients: Clients): BaseUrl {
  const root = prefix.slice(0, -1);
  if (host !== undefined) return () => host + root;
  return (req) => {
    const forwarded = clients.forwarded(req);
    const name = forwarded.host ?? hostOf(req);
    const isSecure = 'encrypted' in connectionOf(req) || req.headers['x-forwarded-proto'] === 'https';
    const scheme = forwarded.scheme ?? (isSecure ? 'https' : 'http');
    return name !== undefined && isHost(name) ? `${scheme}://${name}${root}` : root;
  };
}
