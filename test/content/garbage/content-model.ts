import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ContentStore } from '../../../src/content/content-store.ts';
import type { CollectOptions } from '../../../src/content/garbage/collection-result.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { OCI_MANIFEST } from '../../../src/oci/media-types.ts';
import { createFilesystemDriver } from '../../../src/storage/filesystem.ts';
import { BufferPool } from '../../../src/stream/buffer-pool.ts';
import { type Bytes, descriptor, jsonBytes, withDigest } from '../image-fixture.ts';

const NOTICE_MS = 20;
/** Longer than a push takes, shorter than the test. */
export const GRACE_MS = 1000;

export interface Image extends Bytes {
  readonly blobs: readonly Bytes[];
}

/** @param salt the same one makes the same image */
export function imageOf(salt: string, layers: readonly Bytes[], subject?: Bytes): Image {
  const config = jsonBytes({ architecture: 'amd64', os: 'linux', salt });
  const manifest = jsonBytes({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor(config, 'application/vnd.oci.image.config.v1+json'),
    layers: layers.map((layer) => descriptor(layer, 'application/vnd.oci.image.layer.v1.tar')),
    ...(subject && { subject: descriptor(subject, OCI_MANIFEST) }),
  });
  return { ...manifest, blobs: [config, ...layers] };
}

export const layer = (name: string): Bytes => withDigest(Buffer.from(`layer ${name}`.repeat(10)));

/** One process with the storage: its own locks and its own memory of what it linked. Several may share a directory. */
export async function openReplica(rootDirectory: string) {
  const driver = await createFilesystemDriver({ rootDirectory, buffers: new BufferPool() });
  const store = new ContentStore({ driver, onDamage: () => {}, noticeMs: NOTICE_MS, graceMs: GRACE_MS });
  const forgotten: string[] = [];
  const collector = store.createCollector({
    isCollected: (repository) => !repository.startsWith('cached/'),
    isHeld: () => false,
    onForgotten: async ({ repository, digest }) => void forgotten.push(`${repository}@${digest}`),
    onBytesRemoved: async () => {},
    now: Date.now,
  });
  const collect = (options: Partial<CollectOptions> = {}) =>
    collector.collect({ deleteUntagged: false, keepReferrers: true, graceMs: 0, dryRun: false, ...options });
  return { driver, store, collect, forgotten, ...writerOf(store, rootDirectory) };
}

/** What a client's push does to a store, in the order in which the registry does it. */
function writerOf(store: ContentStore, root: string) {
  const confirmed = async (repository: string, digests: Digest[], undo: (() => Promise<unknown>) | undefined) => {
    try {
      await store.confirmLinked(repository, digests);
    } catch (err) {
      await undo?.();
      throw err;
    }
  };
  return {
    async pushBlob(repository: string, { digest, bytes }: Bytes) {
      const directory = join(root, 'layover', 'fills');
      await mkdir(directory, { recursive: true });
      const localFile = join(directory, randomUUID());
      await writeFile(localFile, bytes);
      const wasLinked = await store.isLinked(repository, { digest, kind: 'blob' });
      await store.commitBlob(repository, digest, localFile);
      await store.locked(digest, () =>
        confirmed(repository, [digest], wasLinked ? undefined : () => store.deleteBlobLink(repository, digest)),
      );
    },
    /** @returns false when there is nothing to mount */
    async mount(repository: string, digest: Digest): Promise<boolean> {
      if (!(await store.hasBytes(digest))) return false;
      await store.linkBlob(repository, digest);
      return (await store.relyOnBlob(repository, digest)) !== undefined;
    },
    /** @returns false when something that it is made of is missing */
    async pushManifest(repository: string, image: Image, tag?: string): Promise<boolean> {
      const digests = image.blobs.map((blob) => blob.digest);
      for (const digest of digests) if ((await store.relyOnBlob(repository, digest)) === undefined) return false;
      const wasLinked = await store.isLinked(repository, { digest: image.digest, kind: 'manifest' });
      await store.putManifest(repository, image.digest, image.bytes);
      await store.lockedAll([image.digest, ...digests], () =>
        confirmed(
          repository,
          [image.digest, ...digests],
          wasLinked ? undefined : () => store.deleteManifestLink(repository, image.digest),
        ),
      );
      for (const digest of digests) {
        if ((await store.statBlob(repository, digest)) === undefined)
          throw new Error(`${digest} went under its manifest`);
      }
      if (tag !== undefined) await store.putTag(repository, tag, image.digest);
      return true;
    },
  };
}

export type Replica = Awaited<ReturnType<typeof openReplica>>;

export async function push(replica: Replica, repository: string, image: Image, tag?: string): Promise<void> {
  for (const blob of image.blobs) await replica.pushBlob(repository, blob);
  if (!(await replica.pushManifest(repository, image, tag))) throw new Error('a blob that was just pushed is missing');
}
