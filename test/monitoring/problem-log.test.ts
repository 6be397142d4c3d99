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

it('keeps a bounded number of short texts of a cause, and counts the others together', () => {
  let now = 0;
  const log = new ProblemLog(() => now++);
  for (let i = 0; i < 1_000; i++) log.note({ cause: 'unknown-registry', subject: `${i} ${'x'.repeat(10_000)}` });
  const all = log.all();
  expect(all).toHaveLength(21);
  expect(JSON.stringify(all).length).toBeLessThan(10_000);
  expect(all[0]?.subject).toMatch(/^999 x+$/);
  expect(all[20]).toEqual({
    cause: 'unknown-registry',
    detail: 'others than the latest 20, together',
    count: 980,
    firstAt: 0,
    lastAt: 979,
  });
});

it('keeps a problem whatever else happens: no cause hides another', () => {
  let now = 0;
  const log = new ProblemLog(() => now++);
  log.note({ cause: 'network', upstream: 'docker.io' });
  for (const cause of ['unknown-registry', 'not-allowed', 'login-failed'] as const)
    for (let i = 0; i < 300; i++) log.note({ cause, subject: `h${i}.example` });
  expect(log.all().filter(({ cause }) => cause === 'network')).toMatchObject([{ upstream: 'docker.io', count: 1 }]);
  expect(log.all()).toHaveLength(1 + 3 * 21);
});

it('forgets the others when one of them is solved, or after a day', () => {
  let now = 0;
  const log = new ProblemLog(() => now);
  const open = (i: number) => log.note({ cause: 'breaker-open', upstream: 'a', subject: `h${i}` });
  for (let i = 0; i < 22; i++) open(i);
  expect(log.all().at(-1)).toMatchObject({ detail: 'others than the latest 20, together', count: 2 });
  for (let i = 0; i < 22; i++) log.solved('breaker-open', 'a', `h${i}`);
  expect(log.all()).toEqual([]);
  for (let i = 0; i < 22; i++) open(i);
  now += 24 * 3_600_000 + 1;
  open(0);
  expect(log.all()).toMatchObject([{ subject: 'h0', count: 1 }]);
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
