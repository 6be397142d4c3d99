import { describe, expect, it } from 'vitest';

import { entityTag, evaluateConditions, rangeApplies } from '../../src/oci/conditional.ts';
import { digestOf } from '../../src/oci/digest.ts';

const digest = digestOf(Buffer.from('x'));
const other = digestOf(Buffer.from('y'));
const evaluate = (ifMatch: string | undefined, ifNoneMatch: string | undefined) =>
  evaluateConditions({ ifMatch, ifNoneMatch }, digest);

it('an entity tag is quoted', () => {
  expect(entityTag(digest)).toBe(`"${digest}"`);
});

describe('If-None-Match', () => {
  it.each([
    `"${digest}"`,
    digest,
    `W/"${digest}"`,
    `W/${digest}`,
    `"${other}", "${digest}"`,
    ` "a",${digest} `,
    '*',
    ' * ',
  ])('matches the content: %s', (header) => {
    expect(evaluate(undefined, header)).toBe('not-modified');
  });

  it.each([undefined, '', `"${other}"`, `"${digest}`, digest.toUpperCase(), digest.slice(7), `"${digest}0"`, '"*"'])(
    'does not match: %s',
    (header) => {
      expect(evaluate(undefined, header)).toBe('send');
    },
  );
});

describe('If-Match', () => {
  it.each([`"${digest}"`, digest, '*', `"${other}", "${digest}"`])('holds: %s', (header) => {
    expect(evaluate(header, undefined)).toBe('send');
  });

  it.each(['', `"${other}"`, `W/"${digest}"`])('does not hold: %s', (header) => {
    expect(evaluate(header, undefined)).toBe('failed');
  });

  it('is evaluated before If-None-Match', () => {
    expect(evaluate(`"${other}"`, `"${digest}"`)).toBe('failed');
    expect(evaluate(`"${digest}"`, `"${digest}"`)).toBe('not-modified');
  });
});

describe('If-Range', () => {
  it.each([
    [undefined, true],
    [`"${digest}"`, true],
    [` "${digest}" `, true],
    [`W/"${digest}"`, false],
    [`"${other}"`, false],
    ['Sat, 29 Oct 1994 19:43:31 GMT', false],
    ['', false],
  ])('%s lets a range apply: %s', (header, applies) => {
    expect(rangeApplies(header, digest)).toBe(applies);
  });
});
