import { randomBytes } from 'node:crypto';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { blobDataPath, layerLinkPath } from '../../src/content/paths.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { readAll } from '../../src/testing/read-source.ts';
import { commitBytes, createContent } from './content-under-test.ts';
import { withDigest } from './image-fixture.ts';

const blob = withDigest(randomBytes(100_000));

describe('a stored blob', () => {
  it('is there for the repository it was committed to, and for no other', async () => {
    await using content = await createContent();
    const { store } = content;
    await commitBytes(content, 'one', blob);
    expect(await store.blobs.stat('one', blob.digest)).toBe(100_000);
    const source = await store.blobs.open('one', blob.digest);
    expect(source && (await readAll(source)).equals(blob.bytes)).toBe(true);

    expect(await store.bytes.has(blob.digest)).toBe(true);
    expect(await store.blobs.stat('two', blob.digest)).toBeUndefined();
    expect(await store.blobs.open('two', blob.digest)).toBeUndefined();
    expect(content.damages).toEqual([]);
  });

  it('is not linked by a pull when a power failure has damaged it after a push with durability relaxed', async () => {
    await using content = await createContent({ durability: 'relaxed' });
    const { store } = content;
    const path = blobDataPath(blob.digest);
    await commitBytes(content, 'pushed', blob);
    await store.blobs.link('good', blob.digest);
    expect(await store.blobs.stat('good', blob.digest)).toBe(100_000);
    await writeFile(join(content.root, path), Buffer.alloc(100_000));
    await store.blobs.link('pulled', blob.digest);
    expect(await store.blobs.stat('pulled', blob.digest)).toBeUndefined();
    expect(await store.bytes.has(blob.digest)).toBe(false);
    expect(content.damages).toContainEqual({ path, reason: 'wrong-bytes' });
    await expect(access(join(content.root, layerLinkPath('pulled', blob.digest)))).rejects.toThrow('ENOENT');
  });

  it('can be linked to a second repository, and stays there when the first lets go', async () => {
    await using content = await createContent();
    const { store } = content;
    await commitBytes(content, 'one', blob);
    await store.blobs.link('two', blob.digest);
    await store.blobs.link('two', blob.digest);
    await store.blobs.deleteLink('one', blob.digest);
    await store.blobs.deleteLink('one', blob.digest);
    expect(await store.blobs.stat('one', blob.digest)).toBeUndefined();
    expect(await store.blobs.stat('two', blob.digest)).toBe(100_000);
  });

  it('can be committed again, also by many at once', async () => {
    await using content = await createContent();
    await Promise.all(Array.from({ length: 10 }, (_, i) => commitBytes(content, `repo${i % 3}`, blob)));
    for (const name of ['repo0', 'repo1', 'repo2'])
      expect(await content.store.blobs.stat(name, blob.digest)).toBe(100_000);
  });

  it('may be empty if its digest is that of nothing, sha512 included', async () => {
    await using content = await createContent();
    for (const algorithm of ['sha256', 'sha512'] as const) {
      const bytes = Buffer.alloc(0);
      await commitBytes(content, 'one', { bytes, digest: digestOf(bytes, algorithm) });
      expect(await content.store.blobs.stat('one', digestOf(bytes, algorithm))).toBe(0);
    }
    expect(content.damages).toEqual([]);
  });

  it('is found under its sha512 digest when that links to the sha256 one', async () => {
    await using content = await createContent();
    await commitBytes(content, 'one', blob);
    const alias = digestOf(blob.bytes, 'sha512');
    await content.driver.writeSmall(layerLinkPath('one', alias), Buffer.from(blob.digest));
    expect(await content.store.blobs.stat('one', alias)).toBe(100_000);
  });

  it.each([
    ['has no bytes', 'missing-data', (path: string) => rm(path)],
    ['has lost its bytes in a power cut', 'empty-data', (path: string) => writeFile(path, '')],
  ])('counts as absent and is reported when it %s, until it is committed again', async (_, reason, damage) => {
    await using content = await createContent();
    const { store, damages } = content;
    await commitBytes(content, 'one', blob);
    const path = blobDataPath(blob.digest);
    await damage(join(content.root, path));

    expect(await store.blobs.open('one', blob.digest)).toBeUndefined();
    expect(await store.blobs.stat('one', blob.digest)).toBeUndefined();
    expect(await store.bytes.has(blob.digest)).toBe(false);
    expect(damages).toContainEqual({ path, reason });

    await commitBytes(content, 'one', blob);
    expect(await store.blobs.stat('one', blob.digest)).toBe(100_000);
  });

  it.each(['', 'garbage', digestOf(Buffer.from('another'))])(
    'counts as absent when its link contains %j',
    async (link) => {
      await using content = await createContent();
      await commitBytes(content, 'one', blob);
      const path = layerLinkPath('one', blob.digest);
      await writeFile(join(content.root, path), link);
      expect(await content.store.blobs.open('one', blob.digest)).toBeUndefined();
      expect(content.damages).toContainEqual({ path, reason: 'bad-link' });

      await content.store.blobs.link('one', blob.digest);
      expect(await content.store.blobs.stat('one', blob.digest)).toBe(100_000);
    },
  );

  it('is not linked when its bytes could not be stored', async () => {
    await using content = await createContent();
    const missing = join(content.root, 'missing');
    await expect(content.store.blobs.commit('one', blob.digest, missing)).rejects.toThrow('ENOENT');
    await expect(access(join(content.root, layerLinkPath('one', blob.digest)))).rejects.toThrow('ENOENT');
  });

  it('has a link without a newline, as distribution reads it', async () => {
    await using content = await createContent();
    await commitBytes(content, 'one', blob);
    expect(await readFile(join(content.root, layerLinkPath('one', blob.digest)), 'utf8')).toBe(blob.digest);
  });

  it('is not mistaken for a directory in its place', async () => {
    await using content = await createContent();
    await content.store.blobs.link('one', blob.digest);
    await mkdir(join(content.root, blobDataPath(blob.digest)), { recursive: true });
    expect(await content.store.bytes.has(blob.digest)).toBe(false);
    expect(await content.store.blobs.open('one', blob.digest)).toBeUndefined();
  });
});
