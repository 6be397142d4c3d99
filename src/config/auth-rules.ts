import type { Finding } from './problem.ts';
import { plainAt, textAt } from './tree.ts';

/** Methods that exclude or need each other. */
export function findAuthConflicts(plain: unknown): Finding[] {
  const has = (...path: string[]) => plainAt(plain, ['auth', ...path]) !== undefined;
  const found: Finding[] = [];
  const find = (key: string, message: string) => found.push({ path: ['auth', key], part: 'key', message });
  const auth = plainAt(plain, ['auth']);
  if (has('none') && typeof auth === 'object' && auth !== null && Object.keys(auth).length > 1) {
    find('none', 'turns authentication off, which excludes all other keys of auth (remove them, or auth.none)');
  }
  if (has('token') && !['rootcertbundle', 'jwks', 'jwksurl'].some((key) => has('token', key))) {
    find('token', 'has no key to verify tokens with (set rootcertbundle, jwks or jwksurl)');
  }
  if (has('issuer') && !has('htpasswd') && !has('mtls')) {
    find('issuer', 'issues tokens to clients that log in, which requires auth.htpasswd or auth.mtls');
  }
  if (has('mtls') && plainAt(plain, ['http', 'tls', 'clientcas']) === undefined) {
    find('mtls', 'requires http.tls.clientcas, the CAs of client certificates');
  }
  found.push(...findSignInConflicts(plain));
  const jwksUrl = textAt(plain, ['auth', 'token', 'jwksurl']) ?? '';
  if (/^https?:\/\/[^/?#]*@/i.test(jwksUrl)) {
    const message = 'must not contain a user name or password';
    found.push({ path: ['auth', 'token', 'jwksurl'], part: 'value', message });
  }
  return found;
}

/** A header of any client would let it choose its user. */
function findSignInConflicts(plain: unknown): Finding[] {
  const signIn = ['ui', 'auth'];
  const has = (...path: string[]) => plainAt(plain, path) !== undefined;
  const missing = (key: string, message: string): Finding => ({ path: [...signIn, key], part: 'key', message });
  const found: Finding[] = [];
  if (has(...signIn, 'header') && !has('http', 'trustedproxies')) {
    found.push(missing('header', 'requires http.trustedproxies, the proxies that may set the header'));
  }
  if (has(...signIn, 'groupsheader') && !has(...signIn, 'header')) {
    found.push(missing('groupsheader', 'requires ui.auth.header, the header with the user'));
  }
  return found;
}

/** Allowed, but probably a mistake. */
export function findAuthOddities(plain: unknown): Finding[] {
  const odd: Finding[] = [];
  for (const key of ['header', 'oidc']) {
    if (plainAt(plain, ['ui', 'auth', key]) === undefined || plainAt(plain, ['auth']) !== undefined) continue;
    const message = 'signs users in, but without auth.policy none of them may change anything';
    odd.push({ path: ['ui', 'auth', key], part: 'key', message });
  }
  const jwksUrl = textAt(plain, ['auth', 'token', 'jwksurl']);
  if (jwksUrl?.startsWith('http:') && !/^http:\/\/(?:127\.|\[::1\]|localhost[:/])/.test(jwksUrl)) {
    const message = 'keys over http can be replaced in transit: use https';
    odd.push({ path: ['auth', 'token', 'jwksurl'], part: 'value', message });
  }
  if (plainAt(plain, ['auth', 'silly']) !== undefined) {
    odd.push({
      path: ['auth', 'silly'],
      part: 'key',
      message: 'accepts any Authorization header: for development only',
    });
  }
  return odd;
}
