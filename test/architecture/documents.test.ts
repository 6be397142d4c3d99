import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { temporaryDirectory } from '../support/temporary-directory.ts';

const root = join(import.meta.dirname, '../..');
const script = join(root, 'test/setup/lint-words.mjs');

/** The problems that the script reports, a line each. */
function lint(directory: string): string[] {
  const { status, stderr } = spawnSync(process.execPath, [script, directory], { encoding: 'utf8' });
  const problems = stderr.split('\n').filter((line) => line !== '');
  expect(status).toBe(problems.length === 0 ? 0 : 1);
  return problems;
}

async function lintFiles(files: Readonly<Record<string, string>>): Promise<string[]> {
  await using directory = await temporaryDirectory();
  const style = await readFile(join(root, 'docs/STYLE.md'), 'utf8');
  const table = style.slice(style.indexOf('\n## Words to avoid\n'));
  const all = { 'README.md': '# Title\n', 'docs/STYLE.md': `# Style\n${table}`, ...files };
  for (const [path, text] of Object.entries(all)) {
    await mkdir(dirname(join(directory.path, path)), { recursive: true });
    await writeFile(join(directory.path, path), text);
  }
  return lint(directory.path);
}

it('README, docs and sources follow docs/STYLE.md, and their links lead to files and headings', () => {
  expect(lint(root)).toEqual([]);
});

it('security.md names the tests of its guarantees', async () => {
  const text = await readFile(join(root, 'docs/security.md'), 'utf8');
  expect([...text.matchAll(/`(test\/[^`]+\.test\.ts)`/g)].length).toBeGreaterThan(30);
});

describe('a page is reported for', () => {
  it.each([
    ['a word to avoid', 'The answer is 42.', '"answer" (write: response, decision; return, respond)'],
    ['the same in a heading', '## What is stored', '"What is" (write: name it: stored content, damaged files)'],
    ['the same in a table', '| The upstream says no | 403 |', '"says" (write: returns, states, sets, sends)'],
    ['the same in the text of a link', '[whoever](README.md)', '"whoever" (write: name the party; everyone, anyone)'],
    ['two sentences in a line', 'It pulls. It pushes.', 'more than one sentence'],
    ['two sentences in a list item', '- It pulls (once). `GET` is enough.', 'more than one sentence'],
    ['a sentence in two lines', 'It pulls and\npushes.', 'the sentence continues on the next line'],
    ['a line that is too long', `It is l${'o'.repeat(151)}g.`, '160 characters (at most 159)'],
    ['a link to no file', '[one](docs/no.md)', 'docs/no.md does not exist'],
    ['a link to no heading', '[one](docs/STYLE.md#no)', 'docs/STYLE.md#no: no such heading'],
    ['a link to no heading of its own', '[one](#no)', '#no: no such heading'],
    ['a path to no file', 'See `src/no.ts`.', 'src/no.ts does not exist'],
  ])('%s', async (_, text, problem) => {
    expect(await lintFiles({ 'README.md': `${text}\n` })).toEqual([`README.md:1: ${problem}`]);
  });

  it('a page below docs, with links from there', async () => {
    const page = '# Title\n\n[one](../STYLE.md#words-to-avoid)\n[two](STYLE.md)\n';
    expect(await lintFiles({ 'docs/decisions/a.md': page })).toEqual([
      'docs/decisions/a.md:3: the sentence continues on the next line',
      'docs/decisions/a.md:4: STYLE.md does not exist',
    ]);
  });
});

it.each([
  ['code', 'Log lines have `what is told`.'],
  ['a code block', '```\nThe answer. Whoever asks. [one](no.md)\n```'],
  ['a phrase in which a word is right', 'It is no longer there.'],
  ['part of another word', 'The doorway of a headroom.'],
  ['a long row of a table, with sentences', `| One. Two. ${'x'.repeat(200)} |`],
  ['a line of the greatest length', `It is l${'o'.repeat(150)}g.`],
  ['an abbreviation', 'Use one of them, e.g. this one.'],
  ['a link to another site', '[one](https://example.com/no.md#no)'],
  ['a second heading of one name', '# One\n\n# One\n\n[first](#one), [second](#one-1).'],
  ['a list below a line', 'These:\n\n- one\n- two'],
])('a page is not reported for %s', async (_, text) => {
  expect(await lintFiles({ 'README.md': `${text}\n` })).toEqual([]);
});

it('only the links of the generated page are checked', async () => {
  const page = 'The answer. It says. [one](no.md)\n';
  expect(await lintFiles({ 'docs/spec/api.md': page })).toEqual(['docs/spec/api.md:1: no.md does not exist']);
});

it('comments and texts of the sources are checked, and not their names', async () => {
  const source = "// It asks.\nconst answer = told('nobody knows', 'says');\n/**\n * A house.\n */\n";
  const problems = await lintFiles({ 'src/a.ts': source });
  expect(problems.map((line) => line.replace(/ \(write.*/, ''))).toEqual([
    'src/a.ts:1: "asks"',
    'src/a.ts:2: "nobody"',
    'src/a.ts:4: "house"',
  ]);
});

it('a style page without the table is an error', async () => {
  expect(await lintFiles({ 'docs/STYLE.md': '# Style\n' })).toEqual([
    'docs/STYLE.md: the table "Words to avoid" is missing',
  ]);
});
