import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { RequestHandler } from 'express';

import { ControlError } from '../expiry/cache-control.ts';

export interface AdminSecret {
  readonly token: string | undefined;
  /** Read for every request, so that a new token counts at once. */
  readonly tokenFile: string | undefined;
}

/** Lets nobody through without the bearer token. */
export function requireToken(secret: AdminSecret): RequestHandler {
  return async (request, response, next) => {
    const [, given] = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '') ?? [];
    const expected = await readToken(secret);
    if (given !== undefined && expected !== undefined && isSame(given, expected)) return next();
    response.set('www-authenticate', 'Bearer realm="layover-admin"');
    throw new ControlError('denied', 'the admin API takes the token of admin.token or admin.tokenfile');
  };
}

/**
 * A page in somebody's browser can send requests to an address on their machine, though none with this content type that it has not
 * been allowed to.
 */
export const requireJson: RequestHandler = (request, _response, next) => {
  const changes = request.method !== 'GET' && request.method !== 'HEAD';
  if (changes && request.is('application/json') === false) throw new ControlError('invalid', 'send application/json');
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
