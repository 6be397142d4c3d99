import fc from 'fast-check';
import { expect, it } from 'vitest';

import { planParts } from '../../../src/storage/s3/compose.ts';
import {
  createSegmentName,
  longestChain,
  NO_SEGMENT,
  parseSegment,
  type Segment,
} from '../../../src/storage/s3/segments.ts';

const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 200 })), {
  minLength: 1,
  maxLength: 30,
});
const limits = fc
  .record({ minBytes: fc.integer({ min: 1, max: 20 }), more: fc.integer({ min: 20, max: 100 }) })
  .map(({ minBytes, more }) => ({ minBytes, maxBytes: minBytes + more }));

it('parts contain all bytes of all sources, in order, and have sizes that the store accepts', () => {
  fc.assert(
    fc.property(sizes, limits, (sourceSizes, { minBytes, maxBytes }) => {
      const parts = planParts(sourceSizes, { minBytes, maxBytes });
      const ranges = parts.flat();
      const expected = sourceSizes.flatMap((size, source) => Array.from({ length: size }, (_, i) => `${source}:${i}`));
      const covered = ranges.flatMap(({ source, start, end }) =>
        Array.from({ length: end - start }, (_, i) => `${source}:${start + i}`),
      );
      expect(covered).toEqual(expected);
      const lengths = parts.map((part) => part.reduce((sum, { start, end }) => sum + end - start, 0));
      expect(lengths.slice(0, -1).every((length) => length >= minBytes)).toBe(true);
      expect(lengths.every((length) => length <= maxBytes)).toBe(true);
      // No more bytes are read and sent again than the store requires.
      expect(parts.every((part, i) => part.length === 1 || (lengths[i] as number) <= minBytes)).toBe(true);
    }),
  );
});

/** Segments appended to random others, like those of writers that do not know of each other. */
const added = fc.array(fc.record({ after: fc.nat(), size: fc.integer({ min: 1, max: 9 }) }), { maxLength: 25 });

function grow(steps: readonly { readonly after: number; readonly size: number }[]): Segment[] {
  const segments: Segment[] = [];
  for (const { after, size } of steps) {
    const parent = segments[after % (segments.length + 1)];
    const offset = parent ? parent.offset + parent.size : 0;
    segments.push(parseSegment(createSegmentName(parent?.id ?? NO_SEGMENT, offset), size) as Segment);
  }
  return segments;
}

it('the longest chain counts, has no gaps, and does not depend on the order of the segments', () => {
  fc.assert(
    fc.property(added, (steps) => {
      const segments = grow(steps);
      const chain = longestChain(segments);
      let position = 0;
      let parent = NO_SEGMENT;
      for (const segment of chain) {
        expect([segment.offset, segment.parent]).toEqual([position, parent]);
        position += segment.size;
        parent = segment.id;
      }
      expect(position).toBe(Math.max(0, ...segments.map(({ offset, size }) => offset + size)));
      expect(longestChain(segments.toReversed())).toEqual(chain);
    }),
  );
});

it('a segment appended to the longest chain is the next one of it', () => {
  fc.assert(
    fc.property(added, fc.integer({ min: 1, max: 9 }), (steps, size) => {
      const segments = grow(steps);
      const chain = longestChain(segments);
      const last = chain.at(-1);
      const end = last ? last.offset + last.size : 0;
      const next = parseSegment(createSegmentName(last?.id ?? NO_SEGMENT, end), size) as Segment;
      expect(longestChain([...segments, next])).toEqual([...chain, next]);
    }),
  );
});

it.each(['', 'data', '0000000000000000-0-0', `${'x'.repeat(16)}-${NO_SEGMENT}-${NO_SEGMENT}`])(
  'an object with the name %j is not a segment',
  (name) => {
    expect(parseSegment(name, 1)).toBeUndefined();
  },
);
