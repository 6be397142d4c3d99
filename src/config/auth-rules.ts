import type { Finding } from './problem.ts';
import { plainAt, textAt } from './tree.ts';

/** What one key of `auth` cannot tell: methods that exclude or need each other. */
export function findAuthConflicts(plain: unknown): Finding[] {
  const has = (...path: string[]) => plainAt(plain, ['auth', ...path]) !== undefined;
  const found: Finding[] = [];
  const find = (key: string, message: string) => found.push({ path: ['auth', key], part: 'key', message });
  const auth = plainAt(plain, ['auth']);
  if (has('none') && typeof auth === 'object' && auth !== null && Object.keys(auth).length > 1) {
    find('none', 'lets everybody in, which excludes all else of auth');
  }
  if (has('token') && !['rootcertbundle', 'jwks', 'jwksurl'].some((key) => has('token', key))) {
    find('token', 'has no key to verify tokens by: rootcertbundle, jwks or jwksurl');
  }
  if (has('issuer') && !has('htpasswd') && !has('mtls')) {
    find('issuer', 'gives tokens to those who log in, which takes auth.htpasswd or auth.mtls');
  }
  if (has('mtls') && plainAt(plain, ['http', 'tls', 'clientcas']) === undefined) {
    find('mtls', 'needs http.tls.clientcas, which say whose certificates count');
  }
  const jwksUrl = textAt(plain, ['auth', 'token', 'jwksurl']) ?? '';
  if (/^https?:\/\/[^/?#]*@/i.test(jwksUrl)) {
    const message = 'must not contain a user name or password';
    found.push({ path: ['auth', 'token', 'jwksurl'], part: 'value', message });
  }
  return found;
}

/** Allowed, and probably not what was meant. */
export function findAuthOddities(plain: unknown): Finding[] {
  const odd: Finding[] = [];
  const jwksUrl = textAt(plain, ['auth', 'token', 'jwksurl']);
  if (jwksUrl?.startsWith('http:') && !/^http:\/\/(?:127\.|\[::1\]|localhost[:/])/.test(jwksUrl)) {
    const message = 'anybody on the way can put keys of their own there: use https';
    odd.push({ path: ['auth', 'token', 'jwksurl'], part: 'value', message });
  }
  if (plainAt(plain, ['auth', 'silly']) !== undefined) {
    odd.push({ path: ['auth', 'silly'], part: 'key', message: 'lets in whoever sends any Authorization header' });
  }
  return odd;
}
