import { describe, expect, it } from 'vitest';

import type { ContentEntry } from '../../src/operations/cache-control.ts';
import { ContentList } from '../../src/retention/content-list.ts';
import { Pins } from '../../src/retention/pins.ts';
import { storeUnderTest } from './store-under-test.ts';

async function listUnderTest() {
  const made = await storeUnderTest();
  const { index, parts, store } = made;
  const read: string[] = [];
  const tags = {
    find: (repository: string, tag: string) => store.tags.find(repository, tag),
    all: (repository: string) => {
      read.push(repository);
      return store.tags.all(repository);
    },
  };
  const pins = new Pins({ configured: [], index, parts, tags });
  const list = new ContentList({ index, parts, tags, pins, isHosted: () => false, ttlMs: 0 });
  for (let i = 0; i < 6; i++) await made.putImage('docker.io/a', `v${i}`, [Buffer.from(`layer ${i}`)]);
  await made.recorder.flush();
  return { ...made, list, read };
}

const tagsOf = (entries: readonly ContentEntry[]) => entries.flatMap(({ tags }) => tags);

describe('a list of stored content', () => {
  it.each(['name', 'used', 'size'] as const)(
    'by %s reads the tags of a repository once for all its pages',
    async (sort) => {
      await using made = await listUnderTest();
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await made.list.list({ sort, limit: 2, cursor });
        seen.push(...tagsOf(page.entries));
        cursor = page.cursor;
      } while (cursor !== undefined);
      expect(seen.sort()).toEqual(['v0', 'v1', 'v2', 'v3', 'v4', 'v5']);
      expect(made.read).toEqual(['docker.io/a']);
    },
  );

  it('shows at its first page what tags name now', async () => {
    await using made = await listUnderTest();
    expect(tagsOf((await made.list.list({})).entries)).toHaveLength(6);
    await made.store.tags.delete('docker.io/a', 'v3');
    expect(tagsOf((await made.list.list({})).entries).sort()).toEqual(['v0', 'v1', 'v2', 'v4', 'v5']);
  });

  it.each(['name', 'used', 'size'] as const)('by %s has everything once, page by page', async (sort) => {
    await using made = await listUnderTest();
    for (let i = 0; i < 30; i++)
      await made.putImage(`docker.io/b${i % 7}`, `v${i}`, [Buffer.alloc(1 + ((i * 7) % 30))]);
    await made.recorder.flush();
    const whole = (await made.list.list({ sort, limit: 999 })).entries;
    expect(whole).toHaveLength(36);
    for (const limit of [1, 5]) {
      const paged: ContentEntry[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await made.list.list({ sort, limit, cursor });
        paged.push(...page.entries);
        cursor = page.cursor;
        if (cursor === undefined) break;
      }
      expect(paged).toEqual(whole);
    }
    const keys = whole.map(({ lastUsedAt, size }) => (sort === 'used' ? lastUsedAt : sort === 'size' ? -size : 0));
    expect(keys).toEqual(keys.toSorted((a, b) => a - b));
  });

  it('does not take the cursor of another list', async () => {
    await using made = await listUnderTest();
    const { cursor } = await made.list.list({ sort: 'used', limit: 2 });
    for (const wrong of [cursor, 'x', '', Buffer.from('[1,2]').toString('base64url')]) {
      await expect(made.list.list({ sort: 'size', cursor: wrong })).rejects.toThrow('not a cursor of this list');
    }
  });
});
