import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';

import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { TagEntries, type TaggedStore } from '../../src/pull-through/tag-entries.ts';

const REPOSITORY = 'docker.io/library/app';
const [first, second] = [digestOf(Buffer.from('first')), digestOf(Buffer.from('second'))];
const entryOf = (digest: Digest, checkedAt = 1_000) => ({ digest, checkedAt });

/** Stored tags and linked manifests of one repository. */
function createStore() {
  const stored = new Map<string, Digest>();
  const linked = new Set<Digest>();
  const store = {
    bytes: { locked: <T>(_digest: Digest, work: () => Promise<T>) => work() },
    repositories: { isLinked: async (_repository: string, { digest }: { digest: Digest }) => linked.has(digest) },
    tags: {
      find: async (_repository: string, tag: string) => {
        const digest = stored.get(tag);
        return digest && { digest, checkedAt: new Date(500) };
      },
      put: async (_repository: string, tag: string, digest: Digest) => void stored.set(tag, digest),
    },
  };
  return { stored, linked, store: store as unknown as TaggedStore };
}

let storage: ReturnType<typeof createStore>;
let tags: TagEntries;

beforeEach(() => {
  storage = createStore();
  tags = new TagEntries(storage.store);
});

describe('a tag', () => {
  it('is written to storage at once when its manifest is there', async () => {
    storage.linked.add(first);
    await tags.confirm(REPOSITORY, 'latest', entryOf(first), true);
    expect(storage.stored.get('latest')).toBe(first);
    expect(tags.inMemory(REPOSITORY, 'latest')).toEqual(entryOf(first));
  });

  it('is written only when its manifest is stored, and keeps the one before until then', async () => {
    storage.stored.set('latest', first);
    await tags.confirm(REPOSITORY, 'latest', entryOf(second), false);
    expect([storage.stored.get('latest'), (await tags.find(REPOSITORY, 'latest'))?.digest]).toEqual([first, second]);
    expect((await tags.findStored(REPOSITORY, 'latest'))?.digest).toBe(first);
    storage.linked.add(second);
    await tags.manifestStored(REPOSITORY, second);
    expect(storage.stored.get('latest')).toBe(second);
  });

  it('that moved while its manifest was fetched is not written', async () => {
    await tags.confirm(REPOSITORY, 'latest', entryOf(first), false);
    await tags.confirm(REPOSITORY, 'latest', entryOf(second), false);
    storage.linked.add(first);
    await tags.manifestStored(REPOSITORY, first);
    expect(storage.stored.get('latest')).toBeUndefined();
  });

  it('whose manifest was evicted in between is not written', async () => {
    await tags.confirm(REPOSITORY, 'latest', entryOf(first), false);
    await tags.manifestStored(REPOSITORY, first);
    expect(storage.stored.get('latest')).toBeUndefined();
  });

  it('whose manifest the upstream does not give is what storage has, and is not revalidated for a while', async () => {
    storage.stored.set('latest', first);
    await tags.confirm(REPOSITORY, 'latest', entryOf(second), false);
    await tags.confirm(REPOSITORY, 'new', entryOf(second), false);
    await tags.manifestFailed(REPOSITORY, second, 9_000);
    expect(tags.inMemory(REPOSITORY, 'latest')).toEqual({ digest: first, checkedAt: 500, retryAt: 9_000 });
    expect(await tags.find(REPOSITORY, 'new')).toBeUndefined();
  });

  it('is read from storage once', async () => {
    storage.stored.set('latest', first);
    expect(await tags.find(REPOSITORY, 'latest')).toEqual(entryOf(first, 500));
    storage.stored.clear();
    expect(await tags.find(REPOSITORY, 'latest')).toEqual(entryOf(first, 500));
    await tags.forget(REPOSITORY, 'latest');
    expect(await tags.find(REPOSITORY, 'latest')).toBeUndefined();
  });
});

const call = fc.record({
  do: fc.constantFrom('confirm', 'stored', 'failed', 'forget'),
  tag: fc.constantFrom('1', '2'),
  digest: fc.constantFrom(first, second),
});

it('never points to a manifest that was not stored, in whatever order the upstream answers', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 30 }), async (calls) => {
      const { stored, linked, store } = createStore();
      const entries = new TagEntries(store);
      for (const { do: what, tag, digest } of calls) {
        if (what === 'confirm') await entries.confirm(REPOSITORY, tag, entryOf(digest), linked.has(digest));
        else if (what === 'failed') await entries.manifestFailed(REPOSITORY, digest, 9_000);
        else if (what === 'forget') await entries.forget(REPOSITORY, tag);
        else {
          linked.add(digest);
          await entries.manifestStored(REPOSITORY, digest);
        }
        for (const named of stored.values()) expect(linked.has(named)).toBe(true);
      }
    }),
  );
});
