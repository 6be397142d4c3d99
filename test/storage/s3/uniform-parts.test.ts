import { describe, expect, it } from 'vitest';

import { planUniformParts } from '../../../src/storage/s3/compose.ts';

const plan = (sizes: readonly number[]) =>
  planUniformParts(sizes, 10).map((ranges) => ranges.map(({ source, start, end }) => `${source}:${start}-${end}`));

describe('parts of one size', () => {
  it.each([
    [[], []],
    [[10], [['0:0-10']]],
    [[25], [['0:0-10'], ['0:10-20'], ['0:20-25']]],
    [
      [3, 4, 5],
      [['0:0-3', '1:0-4', '2:0-3'], ['2:3-5']],
    ],
    [
      [12, 18],
      [['0:0-10'], ['0:10-12', '1:0-8'], ['1:8-18']],
    ],
  ])('of objects of %j bytes', (sizes, expected) => {
    expect(plan(sizes)).toEqual(expected);
  });
});
