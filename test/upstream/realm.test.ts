import { describe, expect, it } from 'vitest';

import { isRealmAllowed } from '../../src/upstream/realm.ts';

const allowed = (realm: string, upstream: string) => isRealmAllowed(new URL(realm), new URL(upstream));

describe('isRealmAllowed', () => {
  it.each([
    ['https://ghcr.io/token', 'https://ghcr.io'],
    ['https://auth.docker.io/token', 'https://registry-1.docker.io'],
    ['https://gitlab.example.co.uk/jwt/auth', 'https://registry.gitlab.example.co.uk'],
    ['https://gitlab.corp.internal/jwt/auth', 'https://registry.corp.internal'],
    ['https://ghcr.io:8443/token', 'https://ghcr.io'],
    ['http://127.0.0.1:5001/token', 'http://127.0.0.1:5000'],
    ['http://[::1]:5001/token', 'http://[::1]:5000'],
    ['https://auth.docker.io/token', 'http://registry-1.docker.io'],
  ])('lets %s serve %s', async (realm, upstream) => {
    expect(await allowed(realm, upstream)).toBe(true);
  });

  it.each([
    ['another registrable domain', 'https://attacker.com/token', 'https://registry-1.docker.io'],
    ['a domain that only looks alike', 'https://docker.io.attacker.com/token', 'https://registry-1.docker.io'],
    ['a domain that only ends alike', 'https://evildocker.io/token', 'https://registry-1.docker.io'],
    ['nothing shared but a public suffix', 'https://evil.co.uk/token', 'https://good.co.uk'],
    ['another tenant of one platform', 'https://evil.github.io/token', 'https://good.github.io'],
    ['another address', 'http://127.0.0.2/token', 'http://127.0.0.1'],
    ['a name for an address', 'http://localhost:5001/token', 'http://127.0.0.1:5000'],
    ['an address for a name', 'https://169.254.169.254/token', 'https://registry-1.docker.io'],
    ['another name without a suffix', 'http://vault/token', 'http://registry'],
    ['plain HTTP for TLS', 'http://auth.docker.io/token', 'https://registry-1.docker.io'],
    ['another scheme', 'ftp://ghcr.io/token', 'https://ghcr.io'],
    ['a user name in the URL', 'https://me:secret@ghcr.io/token', 'https://ghcr.io'],
  ])('refuses %s', async (_, realm, upstream) => {
    expect(await allowed(realm, upstream)).toBe(false);
  });
});
