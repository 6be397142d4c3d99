import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { findCycles } from './cycles.ts';
import { PACKAGES } from './packages.ts';
import { findViolations, type Module, MODULES } from './rules.ts';
import { parseSourceFile, readSourceFiles } from './source-file.ts';

const root = join(import.meta.dirname, '../..');

describe('the source files', () => {
  it('follow the import rules of docs/ARCHITECTURE.md', async () => {
    const files = await readSourceFiles(join(root, 'src'));
    expect(files.length).toBeGreaterThan(100);
    expect(findViolations(files)).toEqual([]);
  });

  it('have no cycle of modules below http/, types included', () => {
    const names = Object.keys(MODULES).filter((name) => name.startsWith('http/'));
    const files = names.map((name) => {
      const { imports, types = [] } = MODULES[name] ?? { imports: [] };
      const below = [...imports, ...types].filter((target) => names.includes(target));
      return {
        ...parseSourceFile(name, ''),
        imports: below.map((target) => ({ target, isOurs: true, isTypeOnly: false })),
      };
    });
    expect(files.length).toBeGreaterThan(5);
    expect(findCycles(files)).toEqual([]);
  });

  it('import every dependency of package.json by rule, and nothing else', async () => {
    const { dependencies, optionalDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      dependencies: Readonly<Record<string, string>>;
      optionalDependencies: Readonly<Record<string, string>>;
    };
    const packages = Object.keys({ ...dependencies, ...optionalDependencies });
    expect(Object.keys(PACKAGES).toSorted()).toEqual(packages.toSorted());
  });

  it('have the rules that docs/ARCHITECTURE.md lists', async () => {
    const text = await readFile(join(root, 'docs/ARCHITECTURE.md'), 'utf8');
    const rows = [...text.matchAll(/^\| `([\w./-]+?)\/?` \|[^|]*\| ([^|]*) \|$/gm)];
    expect(Object.fromEntries(rows.map(([, name = '', imports = '']) => [name, imports]))).toEqual(
      Object.fromEntries(Object.entries(MODULES).map(([name, module]) => [name, describeModule(module)])),
    );
  });
});

function describeModule({ imports, types = [] }: Module): string {
  const parts = [...imports, ...types.map((name) => `${name} (types)`)];
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

describe('a source file that breaks a rule is reported', () => {
  it.each([
    ['an import that points up', 'oci/a.ts', `import { x } from '../http/app.ts';`, 'oci/a.ts -> http/app.ts'],
    [
      'a type import that points up',
      'oci/a.ts',
      `import type { X } from '../http/app.ts';`,
      'oci/a.ts -> http/app.ts (type)',
    ],
    [
      'a value among type imports',
      'hosted/a.ts',
      `import { type X, y } from '../content/a.ts';`,
      'hosted/a.ts -> content/a.ts',
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
      'http/v2/a.ts',
      `import { x } from '../../config/config.ts';`,
      'http/v2/a.ts -> config/config.ts',
    ],
    [
      'a type of the configuration in a module with its own options',
      'storage/a.ts',
      `import type { X } from '../config/config.ts';`,
      'storage/a.ts -> config/config.ts (type)',
    ],
    [
      'a file that the module does not export',
      'fills/a.ts',
      `import { x } from '../upstream/challenge.ts';`,
      'fills/a.ts -> upstream/challenge.ts',
    ],
    [
      'a package imported by the wrong module',
      'registry/a.ts',
      `import express from 'express';`,
      'registry/a.ts -> express',
    ],
    ['a part of a package', 'http/v2/a.ts', `import { x } from 'undici/types/a';`, 'http/v2/a.ts -> undici'],
    ['an unknown package', 'http/v2/a.ts', `import x from '@scope/name/part';`, 'http/v2/a.ts -> @scope/name'],
    [
      'a plug-in that imports another',
      'storage/inmemory/inmemory.ts',
      `import { x } from '../filesystem/filesystem.ts';`,
      'storage/inmemory/inmemory.ts -> storage/filesystem/filesystem.ts',
    ],
    ['a folder without rules', 'plugins/a.ts', '', 'plugins/a.ts is in a folder without a rule'],
    ['a read of the environment', 'http/v2/a.ts', `const x = process.env.HOME;`, 'http/v2/a.ts reads the environment'],
    [
      'the same by import',
      'http/v2/a.ts',
      `import { argv, env } from 'node:process';`,
      'http/v2/a.ts reads the environment',
    ],
    ['a vague name', 'oci/utils.ts', '', 'oci/utils.ts: the name is vague'],
    ['a file that is too long', 'oci/a.ts', 'x;\n'.repeat(400), 'oci/a.ts has 400 lines'],
  ])('%s', (_, path, code, violation) => {
    expect(findViolations([parseSourceFile(path, code)])).toEqual([violation]);
  });

  it('a cycle, type imports included', () => {
    const a = parseSourceFile('oci/a.ts', `import { b } from './b.ts';`);
    const b = parseSourceFile('oci/b.ts', `import type { C } from './c.ts';`);
    const c = parseSourceFile('oci/c.ts', `import type { A } from './a.ts';`);
    expect(findViolations([a, b, c])).toEqual(['oci/a.ts -> oci/b.ts -> oci/c.ts -> oci/a.ts']);
    expect(findViolations([a, b])).toEqual([]);
  });
});

it.each([
  ['a type of the configuration', 'http/v2/a.ts', `import type { Config } from '../../config/config.ts';`],
  ['a type where types are allowed', 'hosted/a.ts', `import { type X, type Y } from '../content/a.ts';`],
  [
    'an import in a comment',
    'oci/a.ts',
    `/** import { x } from '../http/a.ts'; process.env */\n// import '../http/a.ts';`,
  ],
  ['a package imported by its module', 'http/pages/a.ts', `import express, { type Express } from 'express';`],
])('%s is not reported', (_, path, code) => {
  expect(findViolations([parseSourceFile(path, code)])).toEqual([]);
});
