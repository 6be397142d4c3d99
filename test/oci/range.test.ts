import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { contentRange, parseRange } from '../../src/oci/range.ts';

const ranges = (...pairs: [number, number][]) => ({
  kind: 'ranges',
  ranges: pairs.map(([start, end]) => ({ start, end })),
});
const WHOLE = { kind: 'whole' };
const UNSATISFIABLE = { kind: 'unsatisfiable' };

describe('a Range header', () => {
  it.each([
    ['bytes=0-0', ranges([0, 1])],
    ['bytes=0-99', ranges([0, 100])],
    ['bytes=0-', ranges([0, 100])],
    ['bytes=99-', ranges([99, 100])],
    ['bytes=50-1000', ranges([50, 100])],
    ['bytes=50-9223372036854775807', ranges([50, 100])],
    [`bytes=50-${'9'.repeat(400)}`, ranges([50, 100])],
    ['bytes=-1', ranges([99, 100])],
    ['bytes=-1000', ranges([0, 100])],
    ['Bytes=1-2', ranges([1, 3])],
    ['bytes=0-1,5-6', ranges([0, 2], [5, 7])],
    ['bytes= 0-1 ,\t5-6 ', ranges([0, 2], [5, 7])],
    ['bytes=0-1,,5-6,', ranges([0, 2], [5, 7])],
    ['bytes=5-6,0-1', ranges([5, 7], [0, 2])],
    ['bytes=0-1,100-200', ranges([0, 2])],
    ['bytes=0-9,5-14', ranges([0, 10], [5, 15])],
    // Ranges that add up to more than the content: CVE-2011-3192.
    ['bytes=0-,0-,0-', WHOLE],
    ['bytes=0-1,1-2', ranges([0, 2], [1, 3])],
    ['bytes=0-0,0-0,0-0', WHOLE],
    ['bytes=0-9,5-14,7-20', WHOLE],
    ['bytes=0-9,5-14,50-59,55-64', WHOLE],
    ['bytes=0-40,1-1,2-2', WHOLE],
    ['bytes=90-,-5,-3', WHOLE],
    // Each step back may cost a request to the upstream.
    ['bytes=10-11,8-8,6-6,4-4,2-2', ranges([10, 12], [8, 9], [6, 7], [4, 5], [2, 3])],
    ['bytes=10-11,8-8,6-6,4-4,2-2,0-0', WHOLE],
    // Not merged: the client counts the parts.
    ['bytes=0-1,2-3,4-5,6-7', ranges([0, 2], [2, 4], [4, 6], [6, 8])],
    ['bytes=6-7,4-5,0-1', ranges([6, 8], [4, 6], [0, 2])],
    // An unknown unit: RFC 9110, section 14.2.
    ['items=0-5', WHOLE],
    ['nonsense', WHOLE],
    ['', WHOLE],
    ['bytes=100-', UNSATISFIABLE],
    ['bytes=100-200,300-', UNSATISFIABLE],
    [`bytes=${'9'.repeat(400)}-`, UNSATISFIABLE],
    ['bytes=-0', UNSATISFIABLE],
    ['bytes=2-1', UNSATISFIABLE],
    ['bytes=', UNSATISFIABLE],
    ['bytes', UNSATISFIABLE],
    ['bytes=,', UNSATISFIABLE],
    ['bytes=-', UNSATISFIABLE],
    ['bytes=a-b', UNSATISFIABLE],
    ['bytes=0-1,x', UNSATISFIABLE],
    ['bytes=0-1=5', UNSATISFIABLE],
    ['bytes=--1', UNSATISFIABLE],
    ['bytes=+1-2', UNSATISFIABLE],
    ['bytes=0x1-2', UNSATISFIABLE],
    ['bytes=1.0-2', UNSATISFIABLE],
  ])('"%s" of 100 bytes', (header, expected) => {
    expect(parseRange(header, 100)).toEqual(expected);
  });

  it('that is absent means the whole content', () => {
    expect(parseRange(undefined, 100)).toEqual(WHOLE);
  });

  it.each(['bytes=0-', 'bytes=0-99', 'bytes=-5'])('"%s" of empty content means the whole content', (header) => {
    expect(parseRange(header, 0)).toEqual(WHOLE);
  });

  it('of empty content is rejected when it is malformed', () => {
    expect(parseRange('bytes=x', 0)).toEqual(UNSATISFIABLE);
  });

  it('may have as many ranges as podman sends, and means the whole content with more', () => {
    const many = (count: number) =>
      `bytes=${Array.from({ length: count }, (_, i) => `${i * 10}-${i * 10 + 4}`).join(',')}`;
    const parsed = parseRange(many(1024), 100_000);
    expect(parsed).toEqual(ranges(...Array.from({ length: 1024 }, (_, i): [number, number] => [i * 10, i * 10 + 5])));
    expect(parseRange(many(1025), 100_000)).toEqual(WHOLE);
    expect(parseRange(`bytes=${'-,'.repeat(20_000)}`, 100_000)).toEqual(WHOLE);
  });

  it('returns the same bytes as a slice, for every range that starts within the content', () => {
    const bytes = Buffer.from('0123456789');
    fc.assert(
      fc.property(fc.nat(9), fc.nat(30), (first, length) => {
        const parsed = parseRange(`bytes=${first}-${first + length}`, bytes.length);
        expect(parsed).toEqual(ranges([first, first + bytes.subarray(first, first + length + 1).length]));
      }),
    );
  });

  it('never exceeds the content, neither in position nor in total, for random headers', () => {
    const number = fc.oneof(fc.nat(200), fc.maxSafeInteger(), fc.constant(''));
    const spec = fc.oneof(
      fc.tuple(number, number).map(([from, to]) => `${from}-${to}`),
      fc.string({ maxLength: 4 }),
    );
    const header = fc.array(spec, { maxLength: 6 }).map((specs) => `bytes=${specs.join(',')}`);
    fc.assert(
      fc.property(header, fc.nat(200), (text, size) => {
        const parsed = parseRange(text, size);
        if (parsed.kind !== 'ranges') return;
        let total = 0;
        for (const { start, end } of parsed.ranges) {
          expect(start).toBeGreaterThanOrEqual(0);
          expect(end).toBeGreaterThan(start);
          expect(end).toBeLessThanOrEqual(size);
          total += end - start;
        }
        expect(total).toBeLessThanOrEqual(size);
      }),
      { numRuns: 2000 },
    );
  });
});

it('a Content-Range counts its last byte', () => {
  expect(contentRange({ start: 0, end: 1 }, 10)).toBe('bytes 0-0/10');
});
