import fc from 'fast-check';
import picomatch from 'picomatch';
import { describe, expect, it } from 'vitest';
import { isGlob, matchGlobs, matchTextGlobs } from '../../src/matching/glob.ts';
import { GlobError } from '../../src/matching/glob-syntax.ts';
import { cpuTimeOf } from '../support/cpu-time.ts';

const matches = (glob: string, name: string) => matchGlobs([glob])(name);

describe('a glob over names', () => {
  it.each([
    ['*', 'app', true],
    ['*', 'team/app', false],
    ['**', 'team/app/x', true],
    ['team/*', 'team/app', true],
    ['team/*', 'team', false],
    ['team/*', 'team/app/x', false],
    ['team/**', 'team', true],
    ['team/**', 'team/app/x', true],
    ['team/**', 'teams/app', false],
    ['*/**', 'app', false],
    ['*/**', 'team/app', true],
    ['**/app', 'app', true],
    ['**/app', 'a/b/app', true],
    ['a/**/b', 'a/b', true],
    ['a/**/b', 'a/x/y/b', true],
    ['a/**/b/**/c', 'a/b/x/b/c', true],
    ['**/a/**', 'x/a', true],
    ['release-*-*', 'release-1-2', true],
    ['a*b*c', 'abcb', false],
    ['a*b*c', 'abcbc', true],
    ['*.*', 'a.b', true],
    ['v?', 'v1', true],
    ['v[0-9]', 'v1', true],
    ['v[!0-9]', 'v1', false],
    ['v[^0-9]', 'va', true],
    ['a[b', 'a[b', true],
    ['{a,b/c}/x', 'b/c/x', true],
    ['{a,{b,c}}x', 'cx', true],
    ['{a}', '{a}', true],
    ['(a|b)/@(c|d)', 'b/d', true],
    ['a?(b|c)', 'a', true],
    ['a.b', 'axb', false],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['!team/**', 'team/app', false],
    ['!team/**', 'other', true],
    ['docker.io/library/*', 'docker.io/library/alpine', true],
    ['constructor', 'constructor', true],
    ['$&^', '$&^', true],
  ])('%s, %s: %s', (glob, name, isMatch) => {
    expect(matches(glob, name)).toBe(isMatch);
  });

  it('matches when one of several does; an empty list matches nothing', () => {
    const match = matchGlobs(['a/*', 'b/*']);
    expect(['a/x', 'b/x', 'c/x'].map(match)).toEqual([true, true, false]);
    expect(matchGlobs([])('a')).toBe(false);
  });

  it.each(['a+(b)', '*(a|b)', '!(a)', 'a/!(b|c)/d', '{a,b}'.repeat(10)])(
    'is rejected when it is not supported: %s',
    (glob) => {
      expect(() => matchGlobs([glob])).toThrow(GlobError);
    },
  );

  it('matches the same names as with picomatch', () => {
    const parts = fc.constantFrom(
      'a',
      'b',
      '/',
      '/',
      '*',
      '*',
      '/**/',
      '?',
      '-',
      '.',
      '{a,b}',
      '{a,b/a}',
      '[ab]',
      '@(b|ab)',
    );
    const globs = fc
      .array(parts, { minLength: 1, maxLength: 7 })
      .map((all) => all.join(''))
      // Picomatch gives two stars next to other text, empty segments and quantifiers another meaning.
      .filter(
        (glob) =>
          !/^\/|\/\/|\/$|\*\*\*|\*\*[{@[]|[)}\]?*]\*\*|[^/]\*\*|\*\*[^/]|[)?*]\(|\)\?|\?@|^\.\/|\*\.\*/.test(glob),
      );
    const names = fc
      .array(fc.constantFrom('a', 'b', '/', '-', 'c.', 'ab', '/a'), { minLength: 1, maxLength: 7 })
      .map((all) => all.join(''))
      .filter((name) => !/^\/|\/\/|\/$/.test(name));
    let matched = 0;
    fc.assert(
      fc.property(globs, fc.array(names, { minLength: 20, maxLength: 20 }), (glob, some) => {
        const [isMatch, isExpected] = [matchGlobs([glob]), picomatch(glob, { dot: true })];
        const found = some.filter(isMatch);
        expect({ glob, found }).toEqual({ glob, found: some.filter((name) => isExpected(name)) });
        matched += found.length;
      }),
      { numRuns: 3000 },
    );
    expect(matched).toBeGreaterThan(1000);
  });
});

describe('a glob over text without segments', () => {
  it.each([
    ['*', 'a/b c', true],
    ['*', '', false],
    ['release-*', 'release-a/b', true],
    ['*@corp.example', 'me@corp.example', true],
    ['*@corp.example', 'me@corp.example.org', false],
    ['a**b', 'a/x/b', true],
    ['CN=?', 'CN=/', true],
    ['a*', 'a\nb', true],
  ])('%s, %j: %s', (glob, text, isMatch) => {
    expect(matchTextGlobs([glob])(text)).toBe(isMatch);
  });
});

describe('the time for matching', () => {
  it.each([
    ['*a*a*a*a*a*b', 'a'.repeat(255)],
    ['*-*-*-*-*-*x', 'a-'.repeat(127)],
    ['**/a*/**/a*/**/a*/**/b', `${'a/'.repeat(127)}c`],
    ['**/**/**/**/x*y*z', 'x/'.repeat(127)],
    ['{a,aa}*{a,aa}*{a,aa}*{a,aa}*x', 'a'.repeat(255)],
    ['[a-z]*[a-z]*[a-z]*[a-z]*!', 'a'.repeat(255)],
    ['?*?*?*?*?*?*x', 'a'.repeat(255)],
  ])('is short for every name: %s', async (glob, name) => {
    expect(await timeOf(() => matches(glob, name))).toBeLessThan(50);
  });

  it('is short for user names, whose length is not limited', async () => {
    expect(await timeOf(() => matchTextGlobs(['*@*.*x*y*z'])('a@.'.repeat(5000)))).toBeLessThan(100);
  });
});

/** CPU time of the second run, when the expression is compiled. Milliseconds. */
function timeOf(run: () => boolean): Promise<number> {
  expect(run()).toBe(false);
  return cpuTimeOf(run);
}

it('is distinguished from a name without wildcards', () => {
  expect(['a/*', 'a?', '[a]', '{a,b}', '!a', '@(a)', 'a\\*'].map(isGlob)).not.toContain(false);
  expect(['a', 'docker.io/library/alpine:3.20', 'a@sha256:0'].map(isGlob)).not.toContain(true);
});
