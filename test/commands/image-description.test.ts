import { expect, it } from 'vitest';

import { printable } from '../../src/commands/image-description.ts';

it.each([
  ['\u001b[2J', String.raw`\u001b[2J`],
  ['a\nb', String.raw`a\nb`],
  ['\u0085', String.raw`\u{85}`],
  ['\u202egpj.exe', String.raw`\u{202e}gpj.exe`],
  ['a\u200bb\u2028c', String.raw`a\u{200b}b\u{2028}c`],
  ['größe: 日本 🐳', 'größe: 日本 🐳'],
])('text of an image is printed without control of the terminal: %j', (text, printed) =>
  expect(printable(text)).toBe(printed),
);
