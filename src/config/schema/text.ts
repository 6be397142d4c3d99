import { type ScalarType, scalar } from './scalar.ts';
import type { FileContent } from './value-info.ts';

const TEXT = { type: 'string' } as const;
const NOT_EMPTY = { type: 'string', minLength: 1 } as const;

export const text = (description: string) =>
  scalar(description, { expected: 'must be text', json: TEXT, format: 'text', parse: (value) => value });

/** A password, a token, a key. Empty ones are already refused by `findEmptySecrets`. */
export const secret = (description: string) =>
  scalar(description, {
    expected: 'must be text',
    json: NOT_EMPTY,
    format: 'secret',
    parse: (value) => value,
    reads: 'secret',
  });

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A {@link secret} of bytes. */
export const base64Secret = (description: string) =>
  scalar(description, {
    expected: 'must be base64, as it is shown where it is issued',
    json: NOT_EMPTY,
    format: 'secret',
    parse: (value) => (BASE64.test(value) ? value : undefined),
    reads: 'secret',
  });

const filled: Omit<ScalarType<string>, 'format'> = {
  expected: 'must be text that is not empty',
  json: NOT_EMPTY,
  parse: (value) => value.trim() || undefined,
};

/** Text that is not empty. */
export const name = (description: string) => scalar(description, { ...filled, format: 'text' });

/** A path: of a directory, or of a file that is created when it is missing or may appear later. */
export const path = (description: string) => scalar(description, { ...filled, format: 'path' });

/** The path of a file that must exist when the service starts. */
export const file = (description: string, content?: FileContent) =>
  scalar(description, { ...filled, format: 'file', isFile: true, content });

/** The path of a file that `config check` looks for, and that is read later, again and again. */
export const laterFile = (description: string, { mayBeDirectory = false } = {}) =>
  scalar(description, { ...filled, format: 'path', isFile: true, mayBeDirectory });

interface TextPattern {
  readonly pattern: RegExp;
  readonly expected: string;
  /** @default text */
  readonly format?: string;
}

export const matching = (description: string, { pattern, expected, format = 'text' }: TextPattern) =>
  scalar(description, {
    expected,
    json: { type: 'string', pattern: pattern.source },
    format,
    parse: (value) => (pattern.test(value) ? value : undefined),
  });

const asCode = (words: readonly string[]) => words.map((word) => `\`${word}\``).join(', ');

/** One of some words, in any case. @param format for the documentation, when they are too many to list */
export const choice = <const T extends string>(description: string, choices: readonly T[], format = asCode(choices)) =>
  scalar(description, {
    expected: `must be ${listing(choices)}`,
    json: { type: 'string', enum: [...choices] },
    format,
    parse: (value) => choices.find((known) => known.toLowerCase() === value.toLowerCase()),
  });

/** `a, b or c` */
function listing(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

export const platform = matching('A platform.', {
  pattern: /^[A-Za-z0-9._-]+\/[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)?$/,
  expected: 'must be a platform such as linux/amd64 or linux/arm/v7',
  format: 'platform',
});
