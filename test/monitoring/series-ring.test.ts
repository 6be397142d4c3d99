import { expect, it } from 'vitest';

import { SeriesRing } from '../../src/monitoring/series-ring.ts';

const create = (steps = 3) => new SeriesRing({ stepMs: 10, steps, isLevel: [false, true] });

it('adds counts within a step, and keeps the last level', () => {
  const ring = create();
  ring.add(1_000, [2, 7]);
  ring.add(1_009, [3, 4]);
  ring.add(1_010, [1, 5]);
  expect(ring.read(1_010)).toEqual({
    from: 1_000,
    rows: [
      [5, 4],
      [1, 5],
    ],
  });
  expect(ring.sum(0, 1_010)).toBe(6);
});

it('forgets steps that are too old, also without newer samples', () => {
  const ring = create();
  ring.add(1_000, [1, 0]);
  ring.add(1_020, [2, 0]);
  expect(ring.sum(0, 1_020)).toBe(3);
  expect(ring.sum(0, 1_030)).toBe(2);
  expect(ring.read(1_500)).toEqual({ from: 1_500, rows: [undefined] });
  ring.add(1_500, [4, 0]);
  expect(ring.read(1_500)).toEqual({ from: 1_500, rows: [[4, 0]] });
});

it('shows steps without samples as unknown', () => {
  const ring = create(10);
  ring.add(1_000, [1, 1]);
  ring.add(1_030, [2, 2]);
  expect(ring.read(1_040).rows).toEqual([[1, 1], undefined, undefined, [2, 2], undefined]);
});

it('forgets the future when the clock is set back', () => {
  const ring = create();
  ring.add(9_000, [9, 9]);
  ring.add(1_000, [1, 1]);
  expect(ring.read(1_000)).toEqual({ from: 1_000, rows: [[1, 1]] });
});
