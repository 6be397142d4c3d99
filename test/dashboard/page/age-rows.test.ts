import { expect, it } from 'vitest';

import { ageRows } from '../../../src/dashboard/page/pages/age-rows.ts';

it('each row has what a quota must hold to keep content for so long', () => {
  const upstream = { hosted: false, bytes: 0, references: 0 };
  const rows = ageRows({
    days: [1, 7],
    upstreams: [
      { ...upstream, bytesByAge: [10, 20, 30] },
      { ...upstream, bytesByAge: [5, 0, 35] },
    ],
  });
  expect(rows).toEqual([
    { days: 1, bytes: 15, sum: 15, share: 0.15 },
    { days: 7, bytes: 20, sum: 35, share: 0.2 },
    { days: undefined, bytes: 65, sum: 100, share: 0.65 },
  ]);
});

it('there are rows without any content', () => {
  expect(ageRows({ days: [1], upstreams: [] }).map(({ share }) => share)).toEqual([0, 0]);
});
