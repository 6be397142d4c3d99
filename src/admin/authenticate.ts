import { createHash, timingSafeEqual } from 'node:crypto';

import type { Request, RequestHandler } from 'express';

import type { Listen } from '../config/config.ts';
import { WatchedFile } from '../files/watched-file.ts';
import { ControlError } from '../operations/control-error.ts';
import { refuseForeign } from '../http/client/foreign-requests.ts';
import { createHostCheck } from '../http/client/known-hosts.ts';

export interface AdminSecret {
  readonly token: string | undefined;
  /** Checked at every request, so that a new token takes effect at once. */
  readonly tokenFile: string | undefined;
}

/** Whether a request has the bearer token. */
export type TokenCheck = (request: Request) => Promise<boolean>;

export function createTokenCheck({ token, tokenFile }: AdminSecret): TokenCheck {
  const file =
    tokenFile === undefined
      ? undefined
      : new WatchedFile({ path: tokenFile, parse: (bytes) => trimmed(bytes.toString('utf8')) });
  return async ({ headers }) => {
    const [, given] = /^Bearer +(.+)$/i.exec(headers.authorization ?? '') ?? [];
    if (given === undefined) return false;
    const expected = file ? await file.load().catch(() => undefined) : trimmed(token);
    return expected !== undefined && isSame(given, expected);
  };
}

/** Rejects requests without the bearer token. */
export function requireToken(hasToken: TokenCheck): RequestHandler {
  return async (request, response, next) => {
    if (await hasToken(request)) return next();
    response.set('www-authenticate', 'Bearer realm="layover-admin"');
    throw new ControlError('denied', 'the admin API requires the token of admin.token or admin.tokenfile');
  };
}

/**
 * Rejects requests that a web page in a browser may have sent. Pages of other origins are always rejected. Without a token, the host name
 * must also be a known one; with a token it does not matter, because no page has the token.
 *
 * @param open the server's address and its additional hosts; absent when a token is required
 */
export function refuseForeignPages(
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
 * A web page in a browser can send requests to addresses of the user's machine, but not with this content type, unless the server
 * allows it. Requests without a body need it as well.
 */
export const requireJson: RequestHandler = ({ method, headers }, _response, next) => {
  const changes = method !== 'GET' && method !== 'HEAD';
  if (changes && !JSON_TYPE.test(headers['content-type'] ?? ''))
    throw new ControlError('invalid', 'the content type must be application/json');
  next();
};

function trimmed(text = ''): string | undefined {
  return text.trim() || undefined;
}

/** Compares in constant time. Node decodes header bytes as Latin-1; a token in a file is UTF-8. */
function isSame(given: string, expected: string): boolean {
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
  return timingSafeEqual(hash(Buffer.from(given, 'latin1')), hash(Buffer.from(expected)));
}
