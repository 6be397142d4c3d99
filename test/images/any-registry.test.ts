import { describe, expect, it } from 'vitest';

import { DescriptorCache } from '../../src/cache/descriptor-cache.ts';
import { connect } from '../../src/client/connect.ts';
import { ContentCache } from '../../src/content/content-cache.ts';
import { UploadStore } from '../../src/content/uploads.ts';
import { HostedRegistry } from '../../src/hosted/hosted-registry.ts';
import { createUploadSecrets } from '../../src/hosted/upload-secrets.ts';
import { type CopyEvents, copyImage } from '../../src/images/copy.ts';
import { RegistryDestination } from '../../src/images/registry-destination.ts';
import { RegistrySource } from '../../src/images/registry-source.ts';
import { RegistryError } from '../../src/oci/errors.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { createContent, writeFixture } from '../content/content-under-test.ts';
import { imageFixture } from '../content/image-fixture.ts';
import { Images } from '../support/images.ts';
import { startRegistryBackend } from '../support/registry-backend.ts';

const ignore = () => undefined;

/** A hosted registry on a temporary directory, in this process. */
async function startHosted() {
  const content = await createContent();
  const { store, driver } = content;
  const events = { descriptorLookedUp: ignore, sharedCacheAccessed: ignore };
  const descriptors = new DescriptorCache({ maxEntries: 100, redis: undefined, events });
  const registry = new HostedRegistry({
    store,
    content: new ContentCache({ store, descriptors, onDamage: ignore }),
    uploads: new UploadStore(driver, (repository, digest, staged) => store.blobs.publish(repository, digest, staged)),
    policy: { deletes: true, validation: undefined, classes: [] },
    secrets: createUploadSecrets({ configured: 'a secret', shared: undefined }),
    holders: async () => [],
  });
  return {
    registry,
    content,
    async [Symbol.asyncDispose]() {
      await registry.close();
      await content[Symbol.asyncDispose]();
    },
  };
}

const NO_EVENTS: CopyEvents = {
  planned: ignore,
  blobStarted: ignore,
  blobMoved: ignore,
  blobDone: ignore,
  blobFailed: ignore,
};

/** @param from with the image at `team/app:latest` */
async function copy(from: Registry, to: Registry) {
  const { signal } = new AbortController();
  const location = { host: 'from', repository: 'team/app', tag: undefined, digest: undefined };
  const source = new RegistrySource({ registry: from, location, signal });
  const destination = new RegistryDestination({ registry: to, location: { ...location, host: 'to' }, signal });
  return copyImage(source, destination, { platforms: [], referrers: true, jobs: 2, events: NO_EVENTS, signal });
}

describe('an image is copied', () => {
  it('between a hosted registry in this process and a remote one, byte for byte', async () => {
    const fixture = imageFixture();
    await using first = await startHosted();
    await using second = await startHosted();
    await using backend = await startRegistryBackend(new Images());
    await using remote = connect(new URL(backend.url).host, { plainHttp: true });
    await writeFixture(first.content, 'team/app', fixture);
    await copy(first.registry, remote);
    await copy(remote, second.registry);
    for (const { digest, bytes } of fixture.manifests) {
      const copied = await second.registry.getManifest('team/app', { kind: 'digest', digest });
      expect(copied.bytes).toEqual(bytes);
    }
    for (const { digest, bytes } of fixture.blobs) {
      const { source } = await second.registry.openBlob('team/app', digest);
      const chunks: Buffer[] = [];
      for await (const chunk of source.read({ start: 0, end: source.size })) chunks.push(Buffer.from(chunk));
      await source.close();
      expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    }
  });

  it('although the destination is unavailable when a manifest is put', async () => {
    const fixture = imageFixture();
    await using first = await startHosted();
    await using second = await startHosted();
    await writeFixture(first.content, 'team/app', fixture);
    const { registry } = second;
    const put = registry.putManifest.bind(registry);
    const failed = new Set<string>();
    registry.putManifest = async (repository, manifest) => {
      const name = JSON.stringify(manifest.reference);
      if (failed.has(name)) return put(repository, manifest);
      failed.add(name);
      throw new RegistryError('UNAVAILABLE', 'restarting');
    };
    const { root } = await copy(first.registry, registry);
    expect((await registry.getManifest('team/app', { kind: 'tag', tag: 'latest' })).digest).toBe(root.digest);
    expect(failed.size).toBeGreaterThan(1);
  });
});
