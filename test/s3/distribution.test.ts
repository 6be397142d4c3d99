import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

import { createContentStore } from '../../src/content/content-store.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { MANIFEST_MEDIA_TYPES } from '../../src/oci/media-types.ts';
import { createS3Driver } from '../../src/storage/s3/s3.ts';
import { pushFixture } from '../content/push-fixture.ts';
import { type Bytes, type Fixture, imageFixture } from '../content/image-fixture.ts';
import { readAll } from '../../src/testing/read-source.ts';
import { filesBelow } from '../support/data-directory.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { findProgram, programEnvironment } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { s3Config } from './s3-config.ts';
import { sharedS3, versitygw } from './s3-scene.ts';
import { ACCESS_KEY, BUCKET, type S3Server, SECRET_KEY } from './versitygw.ts';

const program = await findProgram('docker-registry');
if (program === undefined) console.warn('docker-registry is missing: the tests of the bucket it shares are skipped');

describe.skipIf(versitygw === undefined || program === undefined)('a bucket shared with docker-registry', () => {
  const s3 = sharedS3();

  it('is read as docker-registry wrote it', async () => {
    const rootDirectory = `/${randomUUID()}`;
    await using registry = await startOnBucket(s3(), rootDirectory);
    await using content = openContent(s3(), rootDirectory);
    const fixture = imageFixture();
    await pushImage(s3(), registry.url, { ...fixture, rootDirectory });

    for (const { digest, bytes } of fixture.blobs) {
      const source = await content.store.blobs.open('library/alpine', digest);
      expect(source && (await readAll(source)).equals(bytes)).toBe(true);
    }
    for (const { digest, bytes, mediaType, tag } of fixture.manifests) {
      expect(await content.store.manifests.find('library/alpine', digest)).toEqual({ digest, bytes, mediaType });
      if (tag !== undefined) expect(await content.store.tags.find('library/alpine', tag)).toMatchObject({ digest });
    }
    expect((await content.store.tags.list('library/alpine'))?.entries).toEqual(['V1.0-Amd64', 'latest']);
    expect(content.damages).toEqual([]);
  });

  it('is served by docker-registry as we wrote it', async () => {
    const rootDirectory = randomUUID();
    await using content = openContent(s3(), rootDirectory);
    await content.write('library/alpine');
    await using registry = await startOnBucket(s3(), rootDirectory);
    const base = `${registry.url}/v2/library/alpine`;
    for (const { digest } of content.fixture.blobs) expect(await digestAt(`${base}/blobs/${digest}`)).toBe(digest);
    for (const { digest, tag } of content.fixture.manifests) {
      expect(await digestAt(`${base}/manifests/${tag ?? digest}`)).toBe(digest);
    }
    const { tags } = (await (await fetch(`${base}/tags/list`)).json()) as { tags: string[] };
    expect(tags.sort()).toEqual(['V1.0-Amd64', 'latest']);
  });

  it('holds the same objects, whichever of the two writes an image', async () => {
    await using content = openContent(s3(), randomUUID());
    await content.write('library/alpine');
    const rootDirectory = randomUUID();
    await using registry = await startOnBucket(s3(), rootDirectory);
    await pushImage(s3(), registry.url, { ...content.fixture, rootDirectory });
    expect(await keysBelow(s3(), content.rootDirectory)).toEqual(await keysBelow(s3(), rootDirectory));
  });
});

/** All but the empty layer is pushed: this version cannot complete an upload without bytes on S3. */
async function pushImage(server: S3Server, url: string, image: Fixture & { readonly rootDirectory: string }) {
  const repository = 'library/alpine';
  await using content = openContent(server, image.rootDirectory);
  const isEmpty = ({ bytes }: { readonly bytes: Buffer }) => bytes.length === 0;
  for (const blob of image.blobs.filter(isEmpty)) await content.writeBlob(repository, blob);
  await pushFixture(url, repository, { ...image, blobs: image.blobs.filter((blob) => !isEmpty(blob)) });
}

/** The real `docker-registry` on the bucket; `await using` ends it. */
function startOnBucket(server: S3Server, rootdirectory: string) {
  const s3 = {
    accesskey: ACCESS_KEY,
    secretkey: SECRET_KEY,
    region: 'us-east-1',
    regionendpoint: server.url,
    forcepathstyle: true,
    bucket: BUCKET,
    secure: false,
    rootdirectory,
  };
  // It takes the certificates of AWS_CA_BUNDLE for a mistake when it has a transport of its own.
  const { AWS_CA_BUNDLE: _, ...env } = programEnvironment();
  return startDockerRegistry(program as string, { storage: { s3 } }, { env });
}

function openContent(server: S3Server, rootDirectory: string) {
  const driver = createS3Driver(s3Config(server.url, { rootDirectory }));
  const damages: unknown[] = [];
  const store = createContentStore({ driver, onDamage: (damage) => damages.push(damage) });
  const fixture = imageFixture();
  const writeBlob = async (repository: string, { digest, bytes }: Bytes): Promise<void> => {
    await using directory = await temporaryDirectory();
    const local = join(directory.path, 'blob');
    await writeFile(local, bytes);
    await store.blobs.commit(repository, digest, local);
  };
  return {
    store,
    damages,
    fixture,
    rootDirectory,
    writeBlob,
    async write(repository: string) {
      for (const blob of fixture.blobs) await writeBlob(repository, blob);
      for (const { digest, bytes, tag } of fixture.manifests) {
        await store.manifests.put(repository, digest, bytes);
        if (tag !== undefined) await store.tags.put(repository, tag, digest);
      }
    },
    [Symbol.asyncDispose]: () => driver.close(),
  };
}

async function digestAt(url: string): Promise<string> {
  const answer = await fetch(url, { headers: { accept: MANIFEST_MEDIA_TYPES.join(', ') } });
  return digestOf(Buffer.from(await answer.arrayBuffer()));
}

async function keysBelow({ bucketDirectory }: S3Server, root: string): Promise<string[]> {
  const folder = join(bucketDirectory, root);
  const files = (await filesBelow(folder)).map((path) => relative(folder, path));
  return files.filter((path) => !path.includes('/_uploads/')).sort();
}
