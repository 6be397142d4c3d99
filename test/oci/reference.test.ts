import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { digestAlgorithm, digestHex, digestOf, isDigest, parseDigest } from '../../src/oci/digest.ts';
import { parseReference, parseRepositoryName, referenceText } from '../../src/oci/reference.ts';

const digest = digestOf(Buffer.from('x'));

describe('a repository name', () => {
  it.each([
    'a',
    '0',
    'a/b/c',
    'a.b_c__d-e---f',
    'library/alpine',
    'ghcr.io/owner/app',
    'GHCR.io/owner/app',
    'localhost:5000/app',
    'xn--bcher-kva.example/app',
    'a'.repeat(255),
  ])('can be %s', (name) => {
    expect(parseRepositoryName(name)).toBe(name);
  });

  it.each([
    '',
    '/',
    'a/',
    '/a',
    'a//b',
    'A',
    'a/B',
    '.',
    '..',
    '../a',
    './a',
    'a/..',
    'a..b',
    'a___b',
    'a._b',
    '-a',
    'a-',
    'a b',
    'a:5000',
    'a:123456/b',
    ':5000/a',
    'a\u0000',
    'é',
    'a\n',
    '_a',
    '.ghcr.io/a',
    'ghcr..io/a',
    'a'.repeat(256),
  ])('cannot be %j', (name) => {
    expect(() => parseRepositoryName(name)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
  });

  it('never leads out of a directory', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('.', '..', 'a', '/', '//', '-', ':1', 'A', '_')), (pieces) => {
        const name = pieces.join('');
        try {
          parseRepositoryName(name);
        } catch {
          return;
        }
        expect(name.split('/').some((part) => part === '' || part.startsWith('.') || part.startsWith('_'))).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  // With backtracking, the test would not end.
  it.each([`${'a-'.repeat(127)}!`, `${'a.'.repeat(120)}/!`, `${'a'.repeat(254)}!`])(
    'is checked in short time: %s',
    (name) => {
      expect(() => parseRepositoryName(name)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
    },
  );
});

describe('a reference', () => {
  it.each(['latest', '1.2.3', '_x', 'A-b.c_d', 'x'.repeat(128)])('%s is a tag', (tag) => {
    const reference = parseReference(tag);
    expect(reference).toEqual({ kind: 'tag', tag });
    expect(referenceText(reference)).toBe(tag);
  });

  it.each([digest, digestOf(Buffer.from('x'), 'sha512')])('%s is a digest', (text) => {
    const reference = parseReference(text);
    expect(reference).toEqual({ kind: 'digest', digest: text });
    expect(referenceText(reference)).toBe(text);
  });

  it.each([
    ['TAG_INVALID', ''],
    ['TAG_INVALID', '-a'],
    ['TAG_INVALID', '.a'],
    ['TAG_INVALID', 'a/b'],
    ['TAG_INVALID', 'a\n'],
    ['TAG_INVALID', 'x'.repeat(129)],
    ['DIGEST_INVALID', 'a:b'],
    ['DIGEST_INVALID', 'sha256:'],
    ['DIGEST_INVALID', `sha256:${'g'.repeat(64)}`],
    ['DIGEST_INVALID', digest.toUpperCase()],
  ])('is rejected with %s: %j', (code, text) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code }));
  });
});

describe('a digest', () => {
  it('has an algorithm and hex digits', () => {
    const long = digestOf(Buffer.from(''), 'sha512');
    expect([digestAlgorithm(long), digestHex(long).length]).toEqual(['sha512', 128]);
    expect([digestAlgorithm(digest), digestHex(digest).length]).toEqual(['sha256', 64]);
    expect(parseDigest(digest)).toBe(digest);
  });

  it.each([
    '',
    ':',
    'sha256',
    `sha256-${digestHex(digest)}`,
    `${digest} `,
    `sha384:${'0'.repeat(96)}`,
    `:${'0'.repeat(64)}`,
  ])('is not %j', (text) => {
    expect(isDigest(text)).toBe(false);
    expect(() => parseDigest(text)).toThrow(expect.objectContaining({ code: 'DIGEST_INVALID' }));
  });
});
