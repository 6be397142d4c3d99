import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';

const BUILT = join(import.meta.dirname, '../../dist/ui');
/** Compressed, in bytes. */
const MAX_FIRST = 60_000;
const MAX_ALL = 110_000;

const IMPORTED = /(?:from|import)\s*"\.\/([\w.-]+\.js)"/g;
const LINKED = /(?:src|href)="\.\/assets\/([\w.-]+)"/g;

const read = (name: string) => readFile(join(BUILT, 'assets', name));

/** The files that the browser needs before the first page is drawn. */
async function firstFiles(): Promise<Set<string>> {
  const html = await readFile(join(BUILT, 'index.html'), 'utf8');
  const files = new Set([...html.matchAll(LINKED)].map(([, name = '']) => name));
  for (const name of files)
    for (const [, imported = ''] of (await read(name)).toString().matchAll(IMPORTED)) files.add(imported);
  return files;
}

it('the first page needs at most 60 kB', async () => {
  const files = await firstFiles();
  const sizes = await Promise.all([...files].map(async (name) => gzipSync(await read(name), { level: 9 }).length));
  const sum = sizes.reduce((total, size) => total + size, 0);
  console.log(`the dashboard's first page: ${sum} bytes in ${files.size} files`);
  expect(files.size).toBeGreaterThan(2);
  expect(sum).toBeLessThan(MAX_FIRST);
});

it('all pages together are small, and nothing in them comes from elsewhere', async () => {
  const names = await readdir(join(BUILT, 'assets'));
  const contents = await Promise.all(names.map(read));
  expect(contents.reduce((total, bytes) => total + gzipSync(bytes, { level: 9 }).length, 0)).toBeLessThan(MAX_ALL);
  const text = contents.join('\n');
  const addresses = [...text.matchAll(/https?:\/\/[^\s"'`)<]+/g)].map(([address]) => address);
  // Names of namespaces, which are not requested.
  expect(addresses.filter((address) => !address.startsWith('http://www.w3.org/'))).toEqual([]);
  expect(text).not.toMatch(/\.innerHTML\s*=(?!=)|\beval\(|new Function\(/);
});
