import { describe, expect, it } from 'vitest';

import { DescriptorCache } from '../../src/cache/descriptor-cache.ts';
import { type CachedStore, ContentCache } from '../../src/content/content-cache.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { MemorySource } from '../../src/stream/byte-source.ts';

const REPOSITORY = 'team/app';
const bytes = Buffer.from('a small layer');
const digest = digestOf(bytes);

/** A cache over blobs in memory, whose reads can be held up. */
function createCache() {
  const blobs = new Map<Digest, Buffer>([[digest, bytes]]);
  const damaged: string[] = [];
  const calls = { open: 0, stat: 0, isLinked: 0 };
  const gate = { opened: Promise.resolve() };
  const store = {
    blobs: {
      protectedMs: 1_000,
      open: async (_repository: string, of: Digest) => {
        calls.open++;
        const found = blobs.get(of);
        await gate.opened;
        return found && new MemorySource(found);
      },
      stat: async (_repository: string, of: Digest) => {
        calls.stat++;
        const found = blobs.get(of);
        await gate.opened;
        return found?.length;
      },
    },
    repositories: {
      isLinked: async (_repository: string, { digest: of }: { digest: Digest }) => {
        calls.isLinked++;
        return blobs.has(of);
      },
    },
  };
  const descriptors = new DescriptorCache({
    maxEntries: 10,
    redis: undefined,
    events: { descriptorLookedUp: () => {}, sharedCacheAccessed: () => {} },
  });
  const cache = new ContentCache({
    store: store as unknown as CachedStore,
    descriptors,
    onDamage: ({ reason }) => void damaged.push(reason),
  });
  return {
    cache,
    blobs,
    calls,
    damaged,
    /** Holds reads until the returned function is called. */
    hold(): () => void {
      let release: () => void = () => {};
      gate.opened = new Promise((resolve) => (release = resolve));
      return release;
    },
  };
}

async function contentOf(cache: ContentCache): Promise<string | undefined> {
  const source = await cache.openBlob(REPOSITORY, digest);
  if (!source) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.read({ start: 0, end: source.size })) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('a small blob', () => {
  it('is read from storage once', async () => {
    const { cache, calls } = createCache();
    expect([await contentOf(cache), await contentOf(cache)]).toEqual([String(bytes), String(bytes)]);
    expect(await cache.blobSize(REPOSITORY, digest)).toBe(bytes.length);
    expect(calls).toMatchObject({ open: 1, stat: 0 });
  });

  it('that is removed is not served from memory', async () => {
    const { cache, blobs } = createCache();
    await contentOf(cache);
    blobs.clear();
    await cache.forget(REPOSITORY, digest);
    expect([await contentOf(cache), await cache.blobSize(REPOSITORY, digest)]).toEqual([undefined, undefined]);
  });

  it.each([
    ['read', (cache: ContentCache) => cache.openBlob(REPOSITORY, digest)],
    ['measured', (cache: ContentCache) => cache.blobSize(REPOSITORY, digest)],
  ])('that is removed while it is %s is not remembered', async (_how, look) => {
    const made = createCache();
    const { cache, blobs } = made;
    const release = made.hold();
    const reading = look(cache);
    blobs.clear();
    await cache.forget(REPOSITORY, digest);
    release();
    await reading;
    expect([await contentOf(cache), await cache.blobSize(REPOSITORY, digest)]).toEqual([undefined, undefined]);
  });

  it('whose stored bytes are wrong is reported and absent until it is stored again', async () => {
    const { cache, blobs, damaged } = createCache();
    blobs.set(digest, Buffer.from('something els'));
    expect([await contentOf(cache), cache.isDamaged(digest), damaged]).toEqual([undefined, true, ['wrong-bytes']]);
    blobs.set(digest, bytes);
    cache.blobStored(REPOSITORY, digest, bytes.length);
    expect([await contentOf(cache), cache.isDamaged(digest)]).toEqual([String(bytes), false]);
  });

  it('that another process removed is forgotten at the next look at the storage', async () => {
    const { cache, blobs, calls } = createCache();
    await contentOf(cache);
    await cache.recheck(REPOSITORY, digest, 'blob');
    await cache.recheck(REPOSITORY, digest, 'blob');
    expect(calls.isLinked).toBe(1); // the storage was looked at a moment ago
    const other = createCache();
    await contentOf(other.cache);
    other.blobs.clear();
    blobs.clear();
    await other.cache.recheck(REPOSITORY, digest, 'blob');
    expect(await contentOf(other.cache)).toBeUndefined();
  });
});
