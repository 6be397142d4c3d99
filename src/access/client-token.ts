import { createHmac } from 'node:crypto';

import type { Login } from './logins.ts';

/** Longer ones are no tokens of a registry. Characters. */
const MAX_LENGTH = 16_384;
const BEARER = /^bearer ([\x21-\x7e]+)$/i;

/**
 * The login of a client's token. Decisions have an HMAC of it: the token itself is kept nowhere.
 *
 * @returns undefined for another header
 */
export function tokenLogin(authorization: string | undefined, secret: string): Login | undefined {
  if (authorization === undefined || authorization.length > MAX_LENGTH) return undefined;
  const [, token] = BEARER.exec(authorization) ?? [];
  if (token === undefined) return undefined;
  const fingerprint = createHmac('sha256', secret).update(`access token\n${token}`).digest('base64url');
  const login = { authorization: `Bearer ${token}` };
  const endsAt = endOf(token);
  return { subject: `token:${fingerprint}`, check: login, admission: { login, isPrivate: true }, endsAt };
}

/** Unix milliseconds. Absent for a token that does not show it. It is not verified: it can only shorten a decision. */
function endOf(token: string): number | undefined {
  const [, payload = ''] = token.split('.');
  try {
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { exp?: unknown };
    return typeof exp === 'number' ? exp * 1_000 : undefined;
  } catch {
    return undefined;
  }
}
