import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { createContentStore } from '../../src/content/content-store.ts';
import { tagIndexLinkPath, tagLinkPath, tagsPath } from '../../src/content/paths.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { StorageDriver } from '../../src/storage/driver.ts';
import { withTiming } from '../../src/storage/timed-driver.ts';
import { createContent } from './content-under-test.ts';
import { jsonBytes } from './image-fixture.ts';

const first = digestOf(Buffer.from('first'));
const second = digestOf(Buffer.from('second'));
const LONG_AGO = new Date('2020-01-01T00:00:00Z');

describe('a stored tag', () => {
  it('names the manifest it was last put with, and keeps its history', async () => {
    await using content = await createContent();
    const { store, root } = content;
    for (const digest of [first, second]) await store.tags.put('one', 'v1', digest);
    expect(await store.tags.find('one', 'v1')).toMatchObject({ digest: second });
    for (const digest of [first, second]) {
      expect(await readFile(join(root, tagIndexLinkPath('one', 'v1', digest)), 'utf8')).toBe(digest);
    }
    expect(await store.tags.find('one', 'v2')).toBeUndefined();
    expect(await store.tags.find('two', 'v1')).toBeUndefined();
  });

  it('has been checked now when it is put again unchanged', async () => {
    await using content = await createContent();
    const { store, root } = content;
    await store.tags.put('one', 'v1', first);
    await utimes(join(root, tagLinkPath('one', 'v1')), LONG_AGO, LONG_AGO);
    expect((await store.tags.find('one', 'v1'))?.checkedAt).toEqual(LONG_AGO);
    await store.tags.put('one', 'v1', first);
    const { checkedAt } = (await store.tags.find('one', 'v1')) ?? {};
    expect(Math.abs(Date.now() - Number(checkedAt))).toBeLessThan(60_000);
  });

  it('differs from one in another case', async () => {
    await using content = await createContent();
    await content.store.tags.put('one', 'Latest', first);
    await content.store.tags.put('one', 'latest', second);
    expect(await content.store.tags.find('one', 'Latest')).toMatchObject({ digest: first });
  });

  it('always has one of the digests that many put at once', async () => {
    await using content = await createContent();
    const digests = Array.from({ length: 10 }, (_, i) => digestOf(Buffer.from(String(i))));
    await Promise.all(digests.map((digest) => content.store.tags.put('one', 'v1', digest)));
    expect(digests).toContain((await content.store.tags.find('one', 'v1'))?.digest);
  });
});

describe('the list of tags', () => {
  it('is in code point order', async () => {
    await using content = await createContent();
    for (const tag of ['b', 'a.1', 'B', '1', '_x', 'a', 'a-1']) await content.store.tags.put('one', tag, first);
    expect((await content.store.tags.list('one'))?.entries).toEqual(['1', 'B', '_x', 'a', 'a-1', 'a.1', 'b']);
  });

  it('reads the links of a page, and no others', async () => {
    await using content = await createContent();
    const tags = Array.from({ length: 40 }, (_, i) => `v${String(i).padStart(2, '0')}`);
    for (const tag of tags) await content.store.tags.put('one', tag, first);
    await rm(join(content.root, tagLinkPath('one', 'v11')));
    const read: string[] = [];
    const driver: StorageDriver = {
      ...withTiming(content.driver, ({ action, path }) => {
        if (action === 'GetContent') read.push(path);
      }),
    };
    const store = createContentStore({ driver, onDamage: () => {} });
    const page = await store.tags.list('one', { n: 3, last: 'v09' });
    expect(page).toEqual({ entries: ['v10', 'v12', 'v13'], next: { n: 3, last: 'v13' } });
    expect(read.length).toBeLessThanOrEqual(8);
    expect(await store.tags.list('one', { n: 3, last: 'v36' })).toEqual({ entries: tags.slice(37), next: undefined });
    expect(await store.tags.list('one', { n: 100, last: 'v' })).toMatchObject({ next: undefined });
    expect((await store.tags.list('one', { last: 'v12' }))?.entries).toEqual(tags.slice(13));
  });

  it('leaves out what has no valid current link', async () => {
    await using content = await createContent();
    const { store, root, damages } = content;
    for (const tag of ['good', 'empty']) await store.tags.put('one', tag, first);
    await writeFile(join(root, tagLinkPath('one', 'empty')), '');
    for (const name of ['nothing/index', ':no-tag'])
      await mkdir(join(root, tagsPath('one'), name), { recursive: true });
    expect((await store.tags.list('one'))?.entries).toEqual(['good']);
    expect(await store.tags.find('one', 'empty')).toBeUndefined();
    expect(damages).toContainEqual({ path: tagLinkPath('one', 'empty'), reason: 'bad-link' });
  });

  it('is empty for a repository without tags, and absent for one that does not exist', async () => {
    await using content = await createContent();
    const manifest = jsonBytes({ schemaVersion: 2, manifests: [] });
    await content.store.manifests.put('untagged', manifest.digest, manifest.bytes);
    expect((await content.store.tags.list('untagged'))?.entries).toEqual([]);
    expect(await content.store.tags.list('missing')).toBeUndefined();
  });
});
