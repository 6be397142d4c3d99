import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { DOORS, findViolations, type Room, ROOMS } from './rules.ts';
import { parseSourceFile, readSourceFiles } from './source-file.ts';

const root = join(import.meta.dirname, '../..');

describe('the sources', () => {
  it('keep to the rules of docs/ARCHITECTURE.md', async () => {
    const files = await readSourceFiles(join(root, 'src'));
    expect(files.length).toBeGreaterThan(100);
    expect(findViolations(files)).toEqual([]);
  });

  it('have a door for every package that is installed for them, and for no other', async () => {
    const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      dependencies: Readonly<Record<string, string>>;
    };
    expect(Object.keys(DOORS).toSorted()).toEqual(Object.keys(dependencies).toSorted());
  });

  it('have rules that docs/ARCHITECTURE.md tells as they are', async () => {
    const text = await readFile(join(root, 'docs/ARCHITECTURE.md'), 'utf8');
    const rows = [...text.matchAll(/^\| `([\w.-]+)\/?` \|[^|]*\| ([^|]*) \|$/gm)];
    expect(Object.fromEntries(rows.map(([, room = '', imports = '']) => [room, imports]))).toEqual(
      Object.fromEntries(Object.entries(ROOMS).map(([name, room]) => [name, inWords(room)])),
    );
  });
});

function inWords({ imports, types = [] }: Room): string {
  const words = [...imports, ...types.map((name) => `${name} (types)`)];
  return words.length === 0 ? 'nothing' : words.join(', ');
}

describe('a source file against the rules is reported', () => {
  it.each([
    ['a folder that looks up', 'oci/a.ts', `import { x } from '../http/app.ts';`, 'oci/a.ts -> http/app.ts'],
    ['a type from above', 'oci/a.ts', `import type { X } from '../http/app.ts';`, 'oci/a.ts -> http/app.ts (type)'],
    [
      'one name among types',
      'registry/a.ts',
      `import { type X, y } from '../content/a.ts';`,
      'registry/a.ts -> content/a.ts',
    ],
    [
      'an import of several lines',
      'content/a.ts',
      `import {\n  x,\n} from '../upstream/a.ts';`,
      'content/a.ts -> upstream/a.ts',
    ],
    ['an export of another file', 'stream/a.ts', `export { x } from '../http/a.ts';`, 'stream/a.ts -> http/a.ts'],
    ['an import for its effect', 'stream/a.ts', `import '../http/a.ts';`, 'stream/a.ts -> http/a.ts'],
    ['an import at run time', 'stream/a.ts', `await import('../http/a.ts');`, 'stream/a.ts -> http/a.ts'],
    [
      'a value of the configuration',
      'http/a.ts',
      `import { x } from '../config/config.ts';`,
      'http/a.ts -> config/config.ts',
    ],
    [
      'another file than the folder shows',
      'registry/a.ts',
      `import { x } from '../upstream/link.ts';`,
      'registry/a.ts -> upstream/link.ts',
    ],
    ['a package by another door', 'registry/a.ts', `import express from 'express';`, 'registry/a.ts -> express'],
    ['a part of a package', 'http/a.ts', `import { x } from 'undici/types/a';`, 'http/a.ts -> undici'],
    ['a package nobody knows', 'http/a.ts', `import x from '@scope/name/part';`, 'http/a.ts -> @scope/name'],
    [
      'a plug-in that knows another',
      'storage/inmemory.ts',
      `import { x } from './filesystem.ts';`,
      'storage/inmemory.ts -> storage/filesystem.ts',
    ],
    ['a folder without rules', 'plugins/a.ts', '', 'plugins/a.ts is in a folder that nobody has a rule for'],
    ['a look at the environment', 'http/a.ts', `const x = process.env.HOME;`, 'http/a.ts reads the environment'],
    ['the same by import', 'http/a.ts', `import { argv, env } from 'node:process';`, 'http/a.ts reads the environment'],
    ['a name that says nothing', 'oci/utils.ts', '', 'oci/utils.ts: the name says nothing'],
    ['a file that is too long', 'oci/a.ts', 'x;\n'.repeat(400), 'oci/a.ts has 400 lines'],
  ])('%s', (_, path, code, violation) => {
    expect(findViolations([parseSourceFile(path, code)])).toEqual([violation]);
  });

  it('a way that leads back, by types alone too', () => {
    const a = parseSourceFile('oci/a.ts', `import { b } from './b.ts';`);
    const b = parseSourceFile('oci/b.ts', `import type { C } from './c.ts';`);
    const c = parseSourceFile('oci/c.ts', `import type { A } from './a.ts';`);
    expect(findViolations([a, b, c])).toEqual(['oci/a.ts -> oci/b.ts -> oci/c.ts -> oci/a.ts']);
    expect(findViolations([a, b])).toEqual([]);
  });
});

it.each([
  ['a type of the configuration', 'http/a.ts', `import type { Config } from '../config/config.ts';`],
  ['a type where types are allowed', 'registry/a.ts', `import { type X, type Y } from '../content/a.ts';`],
  [
    'an import in a comment',
    'oci/a.ts',
    `/** import { x } from '../http/a.ts'; process.env */\n// import '../http/a.ts';`,
  ],
  ['a package by its door', 'http/a.ts', `import express, { type Express } from 'express';`],
])('%s is not reported', (_, path, code) => {
  expect(findViolations([parseSourceFile(path, code)])).toEqual([]);
});
