import { expect, it } from 'vitest';

import { outcomesOf } from '../../../src/dashboard/page/pages/outcome-series.ts';

it('a history is series over times, with sums', () => {
  const series = { hits: [1, null, 3], misses: [0, null, 2] };
  const { times, values, totals, end, rangeSeconds } = outcomesOf({
    range: '1h',
    from: '1970-01-01T00:01:40.000Z',
    stepSeconds: 10,
    series,
  });
  expect(times).toEqual([100, 110, 120]);
  expect(end).toBe(130);
  expect(rangeSeconds).toBe(3_600);
  expect(values.hits).toEqual([1, null, 3]);
  expect(totals).toEqual({ hits: 4, shared: 0, misses: 2, stale: 0, bypassed: 0 });
});
