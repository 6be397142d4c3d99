import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { redactUrl } from '../../src/telemetry/redact-url.ts';

describe('redactUrl', () => {
  it.each([
    '/v2/',
    '/v2/library/alpine/manifests/sha256:abc',
    '/v2/library/alpine/manifests/latest?ns=docker.io',
    '/v2/a/tags/list?n=5&last=v1.0_x',
    '/v2/a/blobs/uploads/?mount=sha256:ab&from=library/alpine',
    '/v2/a/blobs/uploads/x?digest=sha256%3Aab',
    '/v2/a/referrers/sha256:ab?artifactType=application/vnd.x+json',
    'https://registry.example:5000/v2/?',
  ])('does not change %s', (url) => {
    expect(redactUrl(url)).toBe(url);
  });

  it.each([
    ['/v2/?X-Amz-Signature=s3cret&n=1&_state=s3cret', '/v2/?X-Amz-Signature=REDACTED&n=1&_state=REDACTED'],
    ['https://me:s3cret@host/v2/?account=me', 'https://host/v2/?account=REDACTED'],
    ['http://me:p@s3cret@host/', 'http://host/'],
    ['/v2/http://me:s3cret@host/x', '/v2/http://host/x'],
    ['/v2/?s3cret', '/v2/?REDACTED'],
    ['/v2/?ns=https://me:s3cret@host', '/v2/?ns=REDACTED'],
    ['/v2/?ns=https://me:s3cret%40host', '/v2/?ns=REDACTED'],
    ['/v2/?n=1;token=s3cret', '/v2/?n=REDACTED'],
    ['/v2/?n=1?token=s3cret', '/v2/?n=REDACTED'],
    ['/v2/#access_token=s3cret', '/v2/'],
  ])('writes %s as %s', (url, redacted) => {
    expect(redactUrl(url)).toBe(redacted);
  });

  it('never shows a secret in userinfo or in the value of an unknown parameter, in any context', () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9_.%~=-]{12,40}$/);
    const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,11}$/);
    const known = fc.constantFrom('n=5', 'ns=docker.io', 'last=v1', 'digest=sha256:ab');
    fc.assert(
      fc.property(secret, name, fc.array(known), fc.array(known), (value, parameter, before, after) => {
        const url = `https://user:${value}@registry.example/v2/?${[...before, `x-${parameter}=${value}`, ...after].join('&')}`;
        expect(redactUrl(url)).not.toContain(value);
      }),
    );
  });
});
