import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { blobDataPath, revisionLinkPath } from '../../src/content/paths.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { OCI_INDEX } from '../../src/oci/media-types.ts';
import { createContent } from './content-under-test.ts';
import { jsonBytes } from './image-fixture.ts';

const manifest = jsonBytes({ schemaVersion: 2, manifests: [] });

describe('a stored manifest', () => {
  it('is returned byte for byte, with the media type in its bytes', async () => {
    await using content = await createContent();
    await content.store.manifests.put('one', manifest.digest, manifest.bytes);
    expect(await content.store.manifests.find('one', manifest.digest)).toEqual({ ...manifest, mediaType: OCI_INDEX });
    expect(await content.store.manifests.find('two', manifest.digest)).toBeUndefined();
    expect(content.damages).toEqual([]);
  });

  it('can have a sha512 digest', async () => {
    await using content = await createContent();
    const digest = digestOf(manifest.bytes, 'sha512');
    await content.store.manifests.put('one', digest, manifest.bytes);
    expect(await content.store.manifests.find('one', digest)).toMatchObject({ digest });
  });

  it('is refused when its bytes are not those of the digest, and nothing is stored', async () => {
    await using content = await createContent();
    const digest = digestOf(Buffer.from('other'));
    const put = content.store.manifests.put('one', digest, manifest.bytes);
    await expect(put).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
    expect(await content.driver.list('/')).toEqual(['layover']);
  });

  it('is refused when it is not a manifest, and nothing is stored', async () => {
    await using content = await createContent();
    const bytes = Buffer.from('{}');
    const put = content.store.manifests.put('one', digestOf(bytes), bytes);
    await expect(put).rejects.toMatchObject({ code: 'MANIFEST_INVALID' });
    expect(await content.driver.list('/')).toEqual(['layover']);
  });

  it.each([
    ['other bytes', 'wrong-bytes', (path: string) => writeFile(path, '{"schemaVersion":2,"manifests":[ ]}')],
    ['no bytes', 'empty-data', (path: string) => writeFile(path, '')],
    ['no file', 'missing-data', (path: string) => rm(path)],
    ['far too many bytes', 'missing-data', (path: string) => writeFile(path, Buffer.alloc(65 * 1024 * 1024))],
  ])('counts as absent and is reported when there are %s, until it is put again', async (_, reason, damage) => {
    await using content = await createContent();
    const { store } = content;
    await store.manifests.put('one', manifest.digest, manifest.bytes);
    const path = blobDataPath(manifest.digest);
    await damage(join(content.root, path));
    expect(await store.manifests.find('one', manifest.digest)).toBeUndefined();
    expect(content.damages).toEqual([{ path, reason }]);

    await store.manifests.put('one', manifest.digest, manifest.bytes);
    expect(await store.manifests.find('one', manifest.digest)).toMatchObject(manifest);
  });

  it('counts as absent when a blob that is not a manifest is linked as one', async () => {
    await using content = await createContent();
    const bytes = Buffer.from('not JSON');
    const digest = digestOf(bytes);
    await content.driver.writeSmall(blobDataPath(digest), bytes);
    await content.driver.writeSmall(revisionLinkPath('one', digest), Buffer.from(digest));
    expect(await content.store.manifests.find('one', digest)).toBeUndefined();
    expect(content.damages).toEqual([{ path: blobDataPath(digest), reason: 'not-a-manifest' }]);
  });

  it('counts as absent when its link names another', async () => {
    await using content = await createContent();
    const path = revisionLinkPath('one', manifest.digest);
    await content.store.manifests.put('one', manifest.digest, manifest.bytes);
    await content.driver.writeSmall(path, Buffer.from(digestOf(Buffer.from('other'))));
    expect(await content.store.manifests.find('one', manifest.digest)).toBeUndefined();
    expect(content.damages).toEqual([{ path, reason: 'bad-link' }]);
  });
});
