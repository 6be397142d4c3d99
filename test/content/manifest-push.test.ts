import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { type ContentStore, createContentStore } from '../../src/content/content-store.ts';
import { referrerDirectory, referrersCompletePath, revisionLinkPath } from '../../src/content/paths.ts';
import { OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { createInmemoryDriver } from '../../src/storage/inmemory/inmemory.ts';
import type { StorageDriver } from '../../src/storage/driver.ts';
import { commitBytes, createContent } from './content-under-test.ts';
import { type Bytes, descriptor, jsonBytes } from './image-fixture.ts';

const CONFIG = jsonBytes({});
const subject = jsonBytes({ schemaVersion: 2, manifests: [], annotations: { is: 'the subject' } });
const LAYER = jsonBytes({ a: 'layer' });

function imageOf(name: string, more: object = {}): Bytes {
  return jsonBytes({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor(CONFIG, 'application/vnd.example.config'),
    layers: [descriptor(LAYER, 'application/vnd.example.layer')],
    annotations: { name },
    ...more,
  });
}

const NEEDS = [CONFIG, LAYER].map(({ digest }) => ({ digest, kinds: ['blob'] as const }));
const attached = (name: string) => imageOf(name, { subject: descriptor(subject, OCI_INDEX) });

/** Ends like a process that is killed at the write that is counted down to. */
function dyingDriver(driver: StorageDriver, writes: number): StorageDriver {
  let left = writes;
  return new Proxy(driver, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (name === 'writeSmall' && left-- <= 0) return Promise.reject(new Error('killed'));
        return Reflect.apply(value, target, args);
      };
    },
  });
}

describe('a pushed manifest', () => {
  it('is refused with all that is missing, and leaves nothing behind', async () => {
    await using content = await createContent();
    await commitBytes(content, 'one', CONFIG);
    await commitBytes(content, 'two', LAYER);
    const image = imageOf('one');
    const missing = await content.store.manifests.push('one', { ...image, tags: ['v1'], needs: NEEDS });
    expect(missing).toEqual([LAYER.digest]);
    expect(await readdir(join(content.root, 'docker/registry/v2/repositories/one'))).toEqual(['_layers']);
    expect(await content.store.bytes.has(image.digest)).toBe(false);
  });

  it('leaves no tag without its manifest, at whichever write the process ends', async () => {
    const image = attached('one');
    let tagged = 0;
    for (let writes = 0; writes < 12; writes++) {
      const driver = createInmemoryDriver();
      const dying = createContentStore({ driver: dyingDriver(driver, writes), onDamage: () => {} });
      const pushed = { ...image, tags: ['v1', 'v2'], needs: [] };
      await dying.manifests.push('one', pushed).catch((err: Error) => expect(err.message).toBe('killed'));
      const after = createContentStore({ driver, onDamage: () => {} });
      for (const { digest } of await after.tags.all('one')) {
        expect((await after.manifests.find('one', digest))?.bytes).toEqual(image.bytes);
        tagged++;
      }
      const listed = (await after.referrers.list('one', subject.digest, {})).manifests;
      expect(listed.length).toBe((await after.manifests.find('one', image.digest)) ? 1 : 0);
    }
    expect(tagged).toBeGreaterThan(2);
  });

  it('is whole or refused when what it needs is deleted at the same time', async () => {
    await using content = await createContent();
    for (let round = 0; round < 20; round++) {
      const image = imageOf(String(round));
      for (const blob of [CONFIG, LAYER]) await commitBytes(content, 'one', blob);
      const [missing, deleted] = await Promise.all([
        content.store.manifests.push('one', { ...image, tags: [], needs: NEEDS }),
        // As a collection does: under its lock, and not what a manifest names.
        content.store.bytes.locked(LAYER.digest, async () => {
          const isNamed = await content.store.repositories.isLinked('one', { digest: image.digest, kind: 'manifest' });
          if (!isNamed) await content.store.blobs.deleteLink('one', LAYER.digest);
          return !isNamed;
        }),
      ]);
      expect(missing).toEqual(deleted ? [LAYER.digest] : []);
    }
  });
});

describe('a manifest that is deleted', () => {
  it('takes its tags along, but none that has moved on', async () => {
    await using content = await createContent();
    const { store } = content;
    const [first, second] = [imageOf('first'), imageOf('second')];
    await store.manifests.push('one', { ...first, tags: ['a', 'b'], needs: [] });
    await store.manifests.push('one', { ...second, tags: ['b'], needs: [] });
    expect(await store.manifests.delete('one', first.digest)).toEqual(['a']);
    expect((await store.tags.list('one'))?.entries).toEqual(['b']);
    expect(await store.manifests.delete('one', first.digest)).toBeUndefined();
    expect(await store.tags.delete('one', 'b')).toBe(true);
    expect(await store.tags.delete('one', 'b')).toBe(false);
    expect(await store.manifests.find('one', second.digest)).toBeDefined();
  });

  it('does not take a tag that is pushed meanwhile', async () => {
    await using content = await createContent();
    const { store } = content;
    const [first, second] = [imageOf('first'), imageOf('second')];
    for (let round = 0; round < 20; round++) {
      await store.manifests.push('one', { ...first, tags: ['v1'], needs: [] });
      await Promise.all([
        store.manifests.delete('one', first.digest),
        store.manifests.push('one', { ...second, tags: ['v1'], needs: [] }),
      ]);
      expect((await store.tags.find('one', 'v1'))?.digest).toBe(second.digest);
    }
  });
});

describe('the links of referrers', () => {
  const listed = async (store: ContentStore, query = {}) =>
    (await store.referrers.list('one', subject.digest, query)).manifests.map(({ digest }) => digest);

  it('are made once for manifests that were stored without them', async () => {
    await using content = await createContent();
    const { store, root } = content;
    const referrers = ['a', 'b', 'c'].map(attached);
    for (const { digest, bytes } of [...referrers, imageOf('no referrer')])
      await store.manifests.put('one', digest, bytes);
    // Like distribution leaves it.
    await rm(join(root, 'docker/registry/v2/repositories/one/_manifests/referrers'), { recursive: true });
    const digests = referrers.map(({ digest }) => digest).sort();
    expect(await listed(store)).toEqual(digests);
    expect((await content.driver.stat(referrersCompletePath('one'))).size).toBeGreaterThan(0);
    const [first] = referrers;
    if (!first) throw new Error('there are three');
    await content.driver.delete(referrerDirectory('one', subject.digest, first.digest));
    expect(await listed(store)).toEqual(digests.filter((digest) => digest !== first.digest));
  });

  it('are not made where nothing may be written', async () => {
    await using content = await createContent();
    const { driver, store } = content;
    const { digest, bytes } = attached('a');
    await store.manifests.put('one', digest, bytes);
    const readOnly = createContentStore({ driver, onDamage: () => {}, readOnly: true });
    expect(await listed(readOnly)).toEqual([digest]);
    await expect(driver.stat(referrersCompletePath('one'))).rejects.toThrow('no such path');
  });

  it('lead to nothing that is gone', async () => {
    await using content = await createContent();
    const { store, root } = content;
    const [first, second] = [attached('a'), attached('b')];
    for (const pushed of [first, second]) await store.manifests.push('one', { ...pushed, tags: [], needs: [] });
    expect(await listed(store)).toHaveLength(2);
    await store.manifests.delete('one', first.digest);
    expect(await listed(store)).toEqual([second.digest]);
    // Like distribution, which has no referrer links.
    await rm(join(root, revisionLinkPath('one', second.digest)));
    expect(await listed(store)).toEqual([]);
    await store.manifests.push('one', { ...first, tags: [], needs: [] });
    expect(await listed(store)).toEqual([first.digest]);
  });

  it('are read in pages, each entry once', async () => {
    await using content = await createContent();
    const { store } = content;
    const referrers = Array.from({ length: 150 }, (_, i) => attached(String(i)));
    for (const pushed of referrers) await store.manifests.push('one', { ...pushed, tags: [], needs: [] });
    const got: string[] = [];
    for (let last: string | undefined; ; ) {
      const page = await store.referrers.list('one', subject.digest, { n: 40, ...(last !== undefined && { last }) });
      got.push(...page.manifests.map(({ digest }) => digest));
      last = page.next;
      if (last === undefined) break;
    }
    expect(got).toEqual(referrers.map(({ digest }) => digest).sort());
  });

  it('find what an older client has pushed with a list of its own under a tag', async () => {
    await using content = await createContent();
    const { store, root } = content;
    const old = attached('old');
    const list = jsonBytes({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [descriptor(old, OCI_MANIFEST)] });
    const tag = subject.digest.replace(':', '-');
    await store.manifests.put('one', old.digest, old.bytes);
    await store.manifests.push('one', { ...list, tags: [tag], needs: [] });
    await rm(join(root, 'docker/registry/v2/repositories/one/_manifests/referrers'), { recursive: true });
    expect(await listed(store)).toEqual([old.digest]);
    expect((await store.tags.find('one', tag))?.digest).toBe(list.digest);
  });
});
