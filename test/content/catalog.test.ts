import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { listRepositories } from '../../src/content/catalog.ts';
import { createContentStore } from '../../src/content/content-store.ts';
import { REPOSITORIES, tagsPath } from '../../src/content/paths.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { createInmemoryDriver } from '../../src/storage/inmemory/inmemory.ts';
import { withTiming } from '../../src/storage/timed-driver.ts';
import { commitBytes, createContent } from './content-under-test.ts';
import { withDigest } from './image-fixture.ts';

const digest = digestOf(Buffer.from('x'));

async function memoryContent(names: Iterable<string>) {
  const driver = createInmemoryDriver();
  const store = createContentStore({ driver, onDamage: () => undefined });
  for (const name of names) await store.tags.put(name, 'latest', digest);
  return { driver, store };
}

describe('the catalog', () => {
  it('has nested repositories, part by part in order', async () => {
    const names = ['b', 'a-b', 'a', 'a/z', 'a/b/c', 'a/1', 'registry.corp:5000/x', 'ghcr.io/a/b', 'Upper.example/a'];
    const { store } = await memoryContent(names);
    const expected = ['Upper.example/a', 'a', 'a/1', 'a/b/c', 'a/z', 'a-b', 'b', 'ghcr.io/a/b', 'registry.corp:5000/x'];
    expect(await store.repositories.list({ n: 100 })).toEqual({ entries: expected, next: undefined });
  });

  it('is empty when nothing has been stored', async () => {
    const { store } = await memoryContent([]);
    expect(await store.repositories.list({ n: 100 })).toEqual({ entries: [], next: undefined });
    expect(await store.repositories.list({ n: 0 })).toEqual({ entries: [], next: undefined });
  });

  it('leads to the next page only when there is one', async () => {
    const { store } = await memoryContent(['a', 'b', 'c']);
    const next = { n: 2, last: 'b' };
    expect(await store.repositories.list({ n: 2 })).toEqual({ entries: ['a', 'b'], next });
    expect(await store.repositories.list(next)).toEqual({ entries: ['c'], next: undefined });
    expect(await store.repositories.list({ n: 3 })).toEqual({ entries: ['a', 'b', 'c'], next: undefined });
    expect(await store.repositories.list({ n: 3, last: 'zzz' })).toEqual({ entries: [], next: undefined });
  });

  it('lists every repository once, whatever the names and the size of a page', async () => {
    const part = fc.stringMatching(/^[a-c1][a-c1.-]{0,2}$/).filter((text) => /^[a-z0-9]+([.-][a-z0-9]+)*$/.test(text));
    const name = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(name, { maxLength: 15 }),
        fc.integer({ min: 1, max: 5 }),
        name,
        async (names, n, from) => {
          const { driver } = await memoryContent(names);
          const expected = names.toSorted(byParts);
          const listed: string[] = [];
          for (let page = await listRepositories(driver, { n }); ; page = await listRepositories(driver, page.next)) {
            listed.push(...page.entries);
            if (!page.next) break;
          }
          expect(listed).toEqual(expected);
          const after = await listRepositories(driver, { n: 100, last: from });
          expect(after.entries).toEqual(expected.filter((each) => byParts(each, from) > 0));
        },
      ),
    );
  });

  it('looks into no directory before the page, nor after it', async () => {
    const { driver } = await memoryContent(['a/1', 'b/1', 'c/1', 'd/1', 'e/1']);
    const listed: string[] = [];
    const watched = withTiming(driver, ({ action, path }) => {
      if (action === 'List') listed.push(path.slice(REPOSITORIES.length));
    });
    await listRepositories(watched, { n: 1, last: 'b/1' });
    expect(listed.filter((path) => /^\/[ae]/.test(path))).toEqual([]);
    expect(listed).toContain('/c/1');
  });

  it('leaves out repositories with only blobs, and files among the directories', async () => {
    await using content = await createContent();
    await commitBytes(content, 'blobs/only', withDigest(Buffer.from('x')));
    await content.store.tags.put('tagged', 'latest', digest);
    await writeFile(join(content.root, REPOSITORIES, 'a-file'), 'x');
    await mkdir(join(content.root, tagsPath('tagged'), 'not a tag'));
    expect((await content.store.repositories.list({ n: 9 })).entries).toEqual(['tagged']);
  });
});

function byParts(a: string, b: string): number {
  const [left, right] = [a, b].map((name) => name.replaceAll('/', '\0')) as [string, string];
  return left < right ? -1 : Number(left > right);
}
