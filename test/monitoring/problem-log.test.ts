import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

import { ProblemLog } from '../../src/monitoring/problem-log.ts';
import { PROBLEMS } from '../../src/operations/problem-catalogue.ts';

it('counts equal problems, the latest first, and forgets those of yesterday', () => {
  let now = 1_000;
  const log = new ProblemLog(() => now);
  log.note({ cause: 'network', upstream: 'a', detail: 'one' });
  now += 1;
  log.note({ cause: 'timeout', upstream: 'a' });
  now += 1;
  log.note({ cause: 'network', upstream: 'a', detail: 'two' });
  expect(log.all()).toMatchObject([
    { cause: 'network', count: 2, firstAt: 1_000, lastAt: 1_002, detail: 'two' },
    { cause: 'timeout', count: 1 },
  ]);
  log.solved('timeout', 'a', undefined);
  expect(log.all()).toHaveLength(1);
  now += 24 * 3_600_000 + 1;
  expect(log.all()).toEqual([]);
});

it('keeps a bounded number of short texts', () => {
  const log = new ProblemLog(() => 0);
  for (let i = 0; i < 1_000; i++) log.note({ cause: 'unknown-registry', subject: `${i} ${'x'.repeat(10_000)}` });
  expect(log.all()).toHaveLength(200);
  expect(JSON.stringify(log.all()).length).toBeLessThan(100_000);
  expect(log.all()[0]?.subject).toMatch(/^999 x+$/);
});

it.each(Object.entries(PROBLEMS))('the page about %s exists', async (_, { docs }) => {
  const [file = '', heading] = docs.split('#');
  const text = await readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );
  expect(headings).toContain(heading);
});
