import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { Request, RequestHandler } from 'express';

import type { Listen } from '../config/config.ts';
import { ControlError } from '../operations/control-error.ts';
import { refuseForeign } from '../http/client/foreign-requests.ts';
import { createHostCheck } from '../http/client/known-hosts.ts';

export interface AdminSecret {
  readonly token: string | undefined;
  /** Read for every request, so that a new token counts at once. */
  readonly tokenFile: string | undefined;
}

/** Whether a request has the bearer token. */
export type TokenCheck = (request: Request) => Promise<boolean>;

export function createTokenCheck(secret: AdminSecret): TokenCheck {
  return async ({ headers }) => {
    const [, given] = /^Bearer +(.+)$/i.exec(headers.authorization ?? '') ?? [];
    if (given === undefined) return false;
    const expected = await readToken(secret);
    return expected !== undefined && isSame(given, expected);
  };
}

/** Lets nobody through without the bearer token. */
export function requireToken(hasToken: TokenCheck): RequestHandler {
  return async (request, response, next) => {
    if (await hasToken(request)) return next();
    response.set('www-authenticate', 'Bearer realm="layover-admin"');
    throw new ControlError('denied', 'the admin API takes the token of admin.token or admin.tokenfile');
  };
}

/**
 * Refuses requests that a page in a browser may have sent, where reaching the address is enough to be admitted. With a token the host
 * name does not matter, as no page has the token; a page of another origin is always refused.
 *
 * @param open the server's address and its further hosts; absent when a token is required
 */
export function refuseStrangers(
  open: { readonly listen: Listen; readonly hosts: readonly string[] } | undefined,
): RequestHandler {
  const isKnownHost = open === undefined || open.listen.net === 'unix' ? () => true : createHostCheck(open);
  return (request, _response, next) => {
    refuseForeign(request, { isServed: isKnownHost(request.headers.host), key: 'admin.hosts' });
    next();
  };
}

const JSON_TYPE = /^application\/json[ \t]*(?:;|$)/i;

/**
 * A page in somebody's browser can send requests to an address on their machine, though none with this content type that it has not
 * been allowed to. One without a body needs it as well.
 */
export const requireJson: RequestHandler = ({ method, headers }, _response, next) => {
  const changes = method !== 'GET' && method !== 'HEAD';
  if (changes && !JSON_TYPE.test(headers['content-type'] ?? ''))
    throw new ControlError('invalid', 'send application/json');
  next();
};

async function readToken({ token, tokenFile }: AdminSecret): Promise<string | undefined> {
  const text = tokenFile === undefined ? token : await readFile(tokenFile, 'utf8').catch(() => undefined);
  return text?.trim() || undefined;
}

/** In a time that tells nothing of either. Node reads the bytes of a header as Latin-1; a token in a file is UTF-8. */
function isSame(given: string, expected: string): boolean {
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
  return timingSafeEqual(hash(Buffer.from(given, 'latin1')), hash(Buffer.from(expected)));
}
