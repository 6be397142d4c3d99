import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { MANIFEST_MEDIA_TYPES } from '../../src/oci/media-types.ts';
import { readAll } from '../storage/read-source.ts';
import { filesBelow } from '../support/data-directory.ts';
import { findProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { createContent, openContent, writeFixture } from './content-under-test.ts';
import { startDockerRegistryOn } from '../support/docker-registry.ts';
import { pushFixture } from './push-fixture.ts';
import { imageFixture } from './image-fixture.ts';

const program = await findProgram('docker-registry');
if (program === undefined) console.warn('docker-registry is missing: the tests of its storage layout are skipped');

const REPOSITORIES = ['library/alpine', 'a', 'a/b/c'];

describe.skipIf(program === undefined)('a directory shared with docker-registry', () => {
  it('is read as docker-registry wrote it', async () => {
    await using directory = await temporaryDirectory();
    await using registry = await startDockerRegistryOn(program as string, directory.path);
    const fixture = imageFixture();
    for (const repository of REPOSITORIES) await pushFixture(registry.url, repository, fixture);

    const { store, damages } = await openContent(directory.path);
    for (const repository of REPOSITORIES) {
      for (const { digest, bytes } of fixture.blobs) {
        expect(await store.blobs.stat(repository, digest)).toBe(bytes.length);
        const source = await store.blobs.open(repository, digest);
        expect(source && (await readAll(source)).equals(bytes)).toBe(true);
      }
      for (const { digest, bytes, mediaType, tag } of fixture.manifests) {
        expect(await store.manifests.find(repository, digest)).toEqual({ digest, bytes, mediaType });
        if (tag !== undefined) expect(await store.tags.find(repository, tag)).toMatchObject({ digest });
      }
      expect((await store.tags.list(repository))?.entries).toEqual(['V1.0-Amd64', 'latest']);
    }
    expect(await store.repositories.list({ n: 10 })).toEqual({
      entries: ['a', 'a/b/c', 'library/alpine'],
      next: undefined,
    });
    expect(damages).toEqual([]);
  });

  it('is served by docker-registry as we wrote it', async () => {
    await using content = await createContent();
    const fixture = imageFixture();
    for (const repository of REPOSITORIES) await writeFixture(content, repository, fixture);

    await using registry = await startDockerRegistryOn(program as string, content.root);
    for (const repository of REPOSITORIES) {
      const base = `${registry.url}/v2/${repository}`;
      for (const { digest } of fixture.blobs) {
        const answer = await bodyOf(`${base}/blobs/${digest}`);
        expect(answer).toMatchObject({ status: 200, digest, digestOfBytes: digest });
      }
      for (const { digest, mediaType, tag } of fixture.manifests) {
        for (const reference of [digest, ...(tag === undefined ? [] : [tag])]) {
          const answer = await bodyOf(`${base}/manifests/${reference}`);
          expect(answer).toEqual({ status: 200, digest, digestOfBytes: digest, mediaType });
        }
      }
      const { tags } = (await (await fetch(`${base}/tags/list`)).json()) as { tags: string[] };
      expect(tags.sort()).toEqual((await content.store.tags.list(repository))?.entries);
    }
    const catalog = (await (await fetch(`${registry.url}/v2/_catalog`)).json()) as { repositories: string[] };
    expect(catalog.repositories).toEqual((await content.store.repositories.list({ n: 10 })).entries);
  });

  it('holds the same files with the same bytes, whichever of the two writes an image', async () => {
    await using directory = await temporaryDirectory();
    await using registry = await startDockerRegistryOn(program as string, directory.path);
    await using content = await createContent();
    const fixture = imageFixture();
    await pushFixture(registry.url, 'library/alpine', fixture);
    await writeFixture(content, 'library/alpine', fixture);
    expect(await treeOf(content.root)).toEqual(await treeOf(directory.path));
  });

  it('is still shared after Layover has deleted a link and replaced a tag', async () => {
    await using directory = await temporaryDirectory();
    await using registry = await startDockerRegistryOn(program as string, directory.path);
    const fixture = imageFixture();
    const [layer] = fixture.blobs;
    const [image] = fixture.manifests;
    if (!layer || !image) throw new Error('an image has a layer and a manifest');
    for (const repository of ['one', 'two']) await pushFixture(registry.url, repository, fixture);

    const { store } = await openContent(directory.path);
    await store.blobs.deleteLink('one', layer.digest);
    await store.tags.put('two', 'latest', image.digest);
    expect((await fetch(`${registry.url}/v2/one/blobs/${layer.digest}`)).status).toBe(404);
    expect(await bodyOf(`${registry.url}/v2/two/blobs/${layer.digest}`)).toMatchObject({ status: 200 });
    expect(await bodyOf(`${registry.url}/v2/two/manifests/latest`)).toMatchObject({ digest: image.digest });
  });
});

async function bodyOf(url: string) {
  const response = await fetch(url, { headers: { accept: MANIFEST_MEDIA_TYPES.join(', ') } });
  return {
    status: response.status,
    digest: response.headers.get('docker-content-digest'),
    mediaType: response.headers.get('content-type'),
    digestOfBytes: digestOf(Buffer.from(await response.arrayBuffer())),
  };
}

/** Relative path → content, of what both are to agree on. */
async function treeOf(root: string): Promise<Record<string, string>> {
  const paths = (await filesBelow(root)).filter((path) => !path.includes('/_uploads/')).sort();
  const entries = paths.map(async (path) => [relative(root, path), await readFile(path, 'latin1')] as const);
  return Object.fromEntries(await Promise.all(entries));
}
