import { describe, expect, it } from 'vitest';
import { compilePattern, compileWholePattern, PatternError } from '../../src/matching/pattern.ts';
import { cpuTimeOf } from '../support/cpu-time.ts';

describe("a pattern in Go's syntax", () => {
  it.each([
    ['^https?://([^/]+\\.)*example\\.com/', 'https://a.b.example.com/x', true],
    ['^https?://([^/]+\\.)*example\\.com/', 'https://example.com.evil/', false],
    ['(?i)STABLE', 'unstable', true],
    ['a\\z', 'xa', true],
    ['\\Aa\\z', 'xa', false],
    ['(?P<major>\\d+)\\.', '1.2', true],
    ['(?<major>\\d+)\\.', '1.2', true],
    ['^[[:alpha:]]+$', 'abc', true],
    ['^[[:alpha:]]+$', 'abc1', false],
    ['\\pL', 'ü', true],
    ['\\Qa.b\\E', 'axb', false],
    ['(?s)a.b', 'a\nb', true],
    ['a$', 'a\n', false],
    ['a\\/b', 'a/b', true],
  ])('%s, %j: %s', async (source, text, isMatch) => {
    expect((await compilePattern(source)).test(text)).toBe(isMatch);
  });

  it.each(['(a', 'a++', '(?=a)', '(?!a)', '(?<=a)', '\\1', 'a{1001}', '((a{100}){100}){100}', '\\u0041'])(
    'is rejected as in Go, without a part of it in the message: %s',
    async (source) => {
      const compiling = compilePattern(source);
      await expect(compiling).rejects.toThrow(PatternError);
      await expect(compiling).rejects.toThrow(expect.objectContaining({ message: expect.not.stringContaining('`') }));
    },
  );

  it.each([
    ['^https?://([^/]+\\.)*example\\.com/', `https://${'a.'.repeat(4000)}x`],
    ['^(a+)+$', `${'a'.repeat(8000)}!`],
    ['(a|aa|a?)*(x+x+)+y', 'ax'.repeat(4000)],
    ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a'.repeat(8000)],
  ])('takes linear time: %s', async (source, text) => {
    const pattern = await compilePattern(source);
    expect(await cpuTimeOf(() => expect(pattern.test(text)).toBe(false))).toBeLessThan(500);
  });
});

describe('a pattern for whole texts', () => {
  it.each([
    ['a|b', 'a', true],
    ['a|b', 'ab', false],
    ['-rc', '1.0-rc', false],
    ['.*-rc', '1.0-rc', true],
    ['.*', 'a\nb', false],
  ])('%s, %j: %s', async (source, text, isMatch) => {
    expect((await compileWholePattern(source)).test(text)).toBe(isMatch);
  });

  it('is rejected where its parts are not a pattern, also when they were one within parentheses', async () => {
    await expect(compileWholePattern('a)|(?:b')).rejects.toThrow(PatternError);
  });
});
