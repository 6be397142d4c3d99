import { describe, expect, it } from 'vitest';

import { shellArgument, visibleText, webAddress } from '../../../src/dashboard/page/view/visible-text.ts';

describe('text from an image', () => {
  it.each([
    ['a direction that hides the end of a name', 'invoice\u202egpj.exe', 'invoice\\u202egpj.exe'],
    ['isolates', 'a\u2066b\u2069', 'a\\u2066b\\u2069'],
    ['width zero', 'a\u200bb\u200d\ufeffc', 'a\\u200bb\\u200d\\ufeffc'],
    ['control characters', 'a\u0000\u001b[31m\u009b', 'a\\u0000\\u001b[31m\\u009b'],
    ['separators of lines', 'a\nb\u2028c', 'a\\u000ab\\u2028c'],
    ['tags outside of the basic plane', 'a\u{e0041}', 'a\\u{e0041}'],
    ['half of a character', 'a\ud800', 'a\\ud800'],
    ['fillers that look like nothing', 'a\u3164\u2800', 'a\\u3164\\u2800'],
  ])('shows %s', (_, text, shown) => {
    expect(visibleText(text)).toBe(shown);
  });

  it('is otherwise as it is, in any script', () => {
    const text = '<b>"\'&</b> Ünïcode 漢字 עברית 😀';
    expect(visibleText(text)).toBe(text);
  });

  it('has its lines where lines are shown, and still nothing unseen', () => {
    expect(visibleText('a\n\tb\u202e', { isMultiline: true })).toBe('a\n\tb\\u202e');
  });

  it('is cut at 4096 characters, or fewer', () => {
    expect(visibleText('x'.repeat(5_000))).toBe(`${'x'.repeat(4_096)}…`);
    expect(visibleText('abc', { maxLength: 2 })).toBe('ab…');
  });
});

it.each([
  ['https://example.com/a', true],
  ['http://example.com', true],
  ['javascript:alert(1)', false],
  ['JaVaScRiPt:alert(1)', false],
  ['data:text/html,x', false],
  ['https://user:pass@example.com/', false],
  ['//example.com', false],
  ['ftp://example.com', false],
  ['text', false],
])('whether %s is a link: %s', (text, isLink) => {
  expect(webAddress(text) !== undefined).toBe(isLink);
});

it.each([
  ['docker.io/library/alpine:3.20', 'docker.io/library/alpine:3.20'],
  ['a b', `'a b'`],
  [`'; rm -rf /; '`, `''\\''; rm -rf /; '\\'''`],
  ['$(x)`y`', `'$(x)\`y\`'`],
  ['a\nb', 'ab'],
  ['a\u2028; b', `'a; b'`],
])('an argument of a command %j is %s', (text, argument) => {
  expect(shellArgument(text)).toBe(argument);
});
