import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

import { withoutCounterpart } from './counterparts.ts';
import { DIFFERENCES, differenceOf } from './differences.ts';
import { TOPICS } from './topics.ts';
import { differingLines, equals, judge } from './verdict.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const CHECKS = TOPICS.flatMap((topic) => topic.checks);
const OF = { any: '2 and 3', '2': '2', '3': '3' } as const;

it('docs/registry.md lists the differences from distribution, with their reasons', async () => {
  const page = await readFile('docs/registry.md', 'utf8');
  const [, section = ''] = page.split('## Differences from distribution\n');
  const rows = section.split('\n## ')[0]?.match(/^\| (?!---|Layover \|).*/gm);
  expect(rows).toEqual(DIFFERENCES.map((one) => `| ${one.title} | ${OF[one.distribution]} | ${one.reason} |`));
});

it('every difference is of checks that there are, and each check has its own name', () => {
  const names = CHECKS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const listed = DIFFERENCES.flatMap(({ checks }) => checks);
  expect(listed.filter((name) => !names.includes(name))).toEqual([]);
  expect(new Set(listed).size).toBe(listed.length);
});

it('a difference of one version of distribution is none of another', () => {
  expect(differenceOf('tags: no query', '2')?.distribution).toBe('2');
  expect(differenceOf('tags: no query', '3')).toBeUndefined();
});

it('judges by what is expected, by the control, and by what is known', () => {
  const check = { name: 'a check', expected: ['200'], observe: () => Promise.resolve([]) };
  const judged = (layover: string, control: string | undefined, isKnown: boolean) =>
    judge({ check, layover: [layover], control: control === undefined ? undefined : [control] }, isKnown);
  expect(judged('200', '200', false)).toBe('passed');
  expect(judged('200', '404', true)).toBe('passed');
  expect(judged('200', undefined, true)).toBe('passed');
  expect(judged('404', '404', false)).toBe('wrong');
  expect(judged('404', '200', true)).toBe('wrong');
  expect(judged('200', '404', false)).toBe('unknown');
  expect(judged('200', '200', true)).toBe('settled');
  expect(equals(new Error('gone'), ['200'])).toBe(false);
  expect(differingLines(['a', ['1', '2']], ['control', ['1', '3']])).toEqual(['  a        2', '  control  3']);
});

it('names the tests of a checkout of distribution that nothing here is about', async () => {
  await using directory = await temporaryDirectory();
  await expect(withoutCounterpart(directory.path, [])).rejects.toThrow('ENOENT');
  const folder = `${directory.path}/registry/handlers`;
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/api_test.go`, 'func TestTagsAPI(t *testing.T) {\n}\n\nfunc TestNew(t *testing.T) {\n');
  await writeFile(`${folder}/app.go`, 'func TestNoTest() {\n');
  const covered = TOPICS.flatMap(({ covers }) => covers);
  expect(await withoutCounterpart(directory.path, covered)).toEqual(['TestNew']);
});
