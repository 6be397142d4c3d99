import type { IncomingMessage } from 'node:http';

export interface CookieOptions {
  /** The client uses HTTPS. */
  readonly isSecure: boolean;
  /** Seconds. */
  readonly maxAge: number;
  /** `Lax`: also sent when another site leads here. @default 'Strict' */
  readonly sameSite?: 'Strict' | 'Lax';
}

/**
 * A name with this prefix is accepted by browsers only from this host over HTTPS, so that no neighbour can choose the cookie.
 *
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-__host-prefix
 */
function fullName(name: string, isSecure: boolean): string {
  return isSecure ? `__Host-${name}` : name;
}

/** Value of a `Set-Cookie` header. */
export function formatCookie(name: string, value: string, options: CookieOptions): string {
  const { isSecure, maxAge, sameSite = 'Strict' } = options;
  const attributes = `Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=${sameSite}`;
  return `${fullName(name, isSecure)}=${value}; ${attributes}${isSecure ? '; Secure' : ''}`;
}

/** Value of a `Set-Cookie` header that removes the cookie. */
export function formatNoCookie(name: string, { isSecure }: Pick<CookieOptions, 'isSecure'>): string {
  return formatCookie(name, '', { isSecure, maxAge: 0 });
}

/** @param isSecure a cookie of plain HTTP does not count over HTTPS */
export function readCookie({ headers }: IncomingMessage, name: string, isSecure: boolean): string | undefined {
  const wanted = `${fullName(name, isSecure)}=`;
  const found = headers.cookie?.split(';').map((pair) => pair.trim());
  return found?.find((pair) => pair.startsWith(wanted))?.slice(wanted.length) || undefined;
}
