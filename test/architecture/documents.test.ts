import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const pages = (await readdir(join(root, 'docs'), { recursive: true })).filter((name) => name.endsWith('.md'));

async function missing(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_, i) => !found[i]);
}

describe('documents', () => {
  it.each(['../README.md', ...pages])('%s links to files that exist', async (page) => {
    const text = await readFile(join(root, 'docs', page), 'utf8');
    const links = [...text.matchAll(/\]\(([^)#\s:]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target);
    expect(await missing(links.map((target) => join(root, 'docs', dirname(page), target)))).toEqual([]);
  });

  it('security.md names tests that exist', async () => {
    const text = await readFile(join(root, 'docs/security.md'), 'utf8');
    const tests = [...text.matchAll(/`(test\/[^`]+)`/g)].map(([, path = '']) => join(root, path));
    expect(tests.length).toBeGreaterThan(30);
    expect(await missing(tests)).toEqual([]);
  });
});
