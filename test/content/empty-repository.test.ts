import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { type ContentStore, createContentStore } from '../../src/content/content-store.ts';
import { manifestsPath, uploadDirectory } from '../../src/content/paths.ts';
import { UploadStore } from '../../src/content/uploads.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { createInmemoryDriver } from '../../src/storage/inmemory/inmemory.ts';
import { commitBytes, createContent } from './content-under-test.ts';
import { descriptor, jsonBytes, withDigest } from './image-fixture.ts';

const CONFIG = withDigest(Buffer.from('{}'));
const manifestOf = (name: string, more: object = {}) =>
  jsonBytes({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor(CONFIG, 'application/vnd.example.config'),
    layers: [],
    annotations: { name },
    ...more,
  });
const IMAGE = manifestOf('image');
const ATTACHED = manifestOf('attached', { subject: descriptor(IMAGE, OCI_INDEX) });

const listed = async (store: ContentStore) => (await store.repositories.list({ n: 100 })).entries;

async function fill(store: ContentStore, repository: string): Promise<void> {
  await store.manifests.put(repository, IMAGE.digest, IMAGE.bytes);
  await store.manifests.put(repository, ATTACHED.digest, ATTACHED.bytes);
  await store.tags.put(repository, 'latest', IMAGE.digest);
  // Listing writes the mark that the referrer links are complete.
  expect((await store.referrers.list(repository, IMAGE.digest)).manifests).toHaveLength(1);
}

async function empty(store: ContentStore, repository: string): Promise<void> {
  for (const { digest } of [IMAGE, ATTACHED]) await store.manifests.deleteLink(repository, digest);
  await store.repositories.removeEmpty(repository);
}

describe('a repository without content', () => {
  it('is not there any more, nor are the directories above in which nothing else is', async () => {
    await using content = await createContent();
    const { store, root } = content;
    await fill(store, 'some/deep/name');
    await commitBytes(content, 'some/deep/name', CONFIG);
    await fill(store, 'some/other');
    await store.blobs.deleteLink('some/deep/name', CONFIG.digest);
    await empty(store, 'some/deep/name');
    expect(await listed(store)).toEqual(['some/other']);
    expect(await store.tags.list('some/deep/name')).toBeUndefined();
    expect(await readdir(join(root, 'docker/registry/v2/repositories/some'))).toEqual(['other']);
    await empty(store, 'some/other');
    expect(await readdir(join(root, 'docker/registry/v2/repositories')).catch(() => [])).toEqual([]);

    await fill(store, 'some/deep/name');
    expect(await listed(store)).toEqual(['some/deep/name']);
  });

  it('is not listed in a storage that has no directories either', async () => {
    const driver = createInmemoryDriver();
    const store = createContentStore({ driver, onDamage: () => undefined });
    await fill(store, 'some/name');
    await empty(store, 'some/name');
    expect(await listed(store)).toEqual([]);
  });

  it('leaves repositories below and above alone, also those that a client has emptied', async () => {
    await using content = await createContent();
    const { store } = content;
    for (const name of ['a', 'a/b', 'a/b/c']) await fill(store, name);
    for (const { digest } of [IMAGE, ATTACHED]) await store.manifests.delete('a/b/c', digest);
    await empty(store, 'a/b');
    expect(await listed(store)).toEqual(['a', 'a/b/c']);
    await empty(store, 'a');
    expect(await listed(store)).toEqual(['a/b/c']);
  });

  it.each<[string, (content: Awaited<ReturnType<typeof createContent>>) => Promise<unknown>]>([
    ['a blob', (content) => commitBytes(content, 'one', CONFIG)],
    ['a manifest', ({ store }) => store.manifests.put('one', ATTACHED.digest, ATTACHED.bytes)],
    ['a tag', ({ store }) => store.tags.put('one', 'v1', CONFIG.digest)],
    [
      'an upload',
      async ({ driver }) => {
        const uploads = new UploadStore(driver, async () => {});
        await uploads.start({ repository: 'one', id: 'u' }, { startedAt: new Date(), algorithm: 'sha256' });
      },
    ],
  ])('is none as long as it has %s', async (_what, put) => {
    await using content = await createContent();
    const { store } = content;
    await store.manifests.put('one', IMAGE.digest, IMAGE.bytes);
    await put(content);
    await store.manifests.deleteLink('one', IMAGE.digest);
    await store.repositories.removeEmpty('one');
    expect(await content.driver.stat(manifestsPath('one'))).toMatchObject({ isDirectory: true });
    expect(await listed(store)).toEqual(['one']);
  });

  it('loses nothing that is pushed to it while it is being removed', async () => {
    await using content = await createContent();
    const { store, driver } = content;
    const uploads = new UploadStore(driver, async () => {});
    const turns = async (n: number) => {
      for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve));
    };
    const others = Array.from({ length: 4 }, (_, i) => manifestOf(`other ${i}`));
    for (let round = 0; round < 60; round++) {
      const other = others[round % others.length] as { digest: Digest; bytes: Buffer };
      const upload = { repository: 'x/y', id: `upload-${round}` };
      await store.manifests.put('x/y', IMAGE.digest, IMAGE.bytes);
      await Promise.all([
        store.manifests.deleteLink('x/y', IMAGE.digest).then(() => store.repositories.removeEmpty('x/y')),
        turns(round % 12).then(() => store.repositories.removeEmpty('x/y')),
        turns(round % 7).then(() => store.manifests.push('x/y', { ...other, tags: ['t'], needs: [] })),
        turns(round % 9).then(() => uploads.start(upload, { startedAt: new Date(), algorithm: 'sha256' })),
      ]);
      expect(await store.manifests.find('x/y', other.digest)).toMatchObject({ digest: other.digest });
      expect(await store.tags.find('x/y', 't')).toMatchObject({ digest: other.digest });
      expect(await uploads.find(upload)).toMatchObject({ size: 0 });
      await driver.delete(uploadDirectory('x/y', upload.id));
      await empty(store, 'x/y');
      await store.manifests.deleteLink('x/y', other.digest);
      await store.repositories.removeEmpty('x/y');
      expect(await listed(store)).toEqual([]);
    }
  });
});
