import { randomUUID } from 'node:crypto';

import { type ContentStore, createContentStore } from '../../../src/content/content-store.ts';
import { UploadStore } from '../../../src/content/uploads.ts';
import type { CollectOptions } from '../../../src/content/garbage/collection-result.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { OCI_MANIFEST } from '../../../src/oci/media-types.ts';
import type { StorageDriver } from '../../../src/storage/driver.ts';
import { createFilesystemDriver } from '../../../src/storage/filesystem/filesystem.ts';
import { BufferPool } from '../../../src/stream/buffer-pool.ts';
import { type Bytes, descriptor, jsonBytes, withDigest } from '../image-fixture.ts';

/** Of a storage whose calls take as long as those of a disk. */
const DISK: StorageTimes = { noticeMs: 20, graceMs: 1000 };

export interface StorageTimes {
  readonly noticeMs: number;
  /** Longer than a push takes, shorter than the test. */
  readonly graceMs: number;
}

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
export async function openReplica(rootDirectory: string): Promise<Replica> {
  return createReplica(await createFilesystemDriver({ rootDirectory, buffers: new BufferPool() }));
}

/** As {@link openReplica}, with a storage of any kind. */
export function createReplica(driver: StorageDriver, { noticeMs, graceMs } = DISK) {
  const store = createContentStore({ driver, onDamage: () => {}, noticeMs, graceMs });
  const forgotten: string[] = [];
  const collector = store.garbage.createCollector({
    isCollected: (repository) => !repository.startsWith('cached/'),
    isHeld: () => false,
    onForgotten: async ({ repository, digest }) => void forgotten.push(`${repository}@${digest}`),
    onBytesRemoved: async () => {},
    now: Date.now,
  });
  const collect = (options: Partial<CollectOptions> = {}) =>
    collector.collect({ deleteUntagged: false, keepReferrers: true, graceMs: 0, dryRun: false, ...options });
  return { driver, store, graceMs, collect, forgotten, ...writerOf(store, driver) };
}

/** The calls that a client's push results in. */
function writerOf(store: ContentStore, driver: StorageDriver) {
  const uploads = new UploadStore(driver, (repository, digest, staged) =>
    store.blobs.publish(repository, digest, staged),
  );
  return {
    async pushBlob(repository: string, { digest, bytes }: Bytes) {
      const key = { repository, id: randomUUID() };
      await uploads.start(key, { startedAt: new Date(), algorithm: 'sha256' });
      const piece = { bytes: piecesOf(bytes), offset: undefined, length: bytes.length, isOneOfMany: false };
      try {
        await uploads.finish(key, piece, digest);
      } catch (err) {
        await uploads.cancel(key).catch(() => {}); // it may be over
        throw err;
      }
    },
    /** @returns false when there is nothing to mount */
    async mount(repository: string, digest: Digest, from: readonly string[]): Promise<boolean> {
      for (const holder of from) {
        if ((await store.blobs.mount(repository, digest, holder)) !== undefined) return true;
      }
      return false;
    },
    /** @returns false when something that it is made of is missing */
    async pushManifest(repository: string, { digest, bytes, blobs }: Image, ...tags: string[]): Promise<boolean> {
      const needs = blobs.map((blob) => ({ digest: blob.digest, kinds: ['blob' as const] }));
      return (await store.manifests.push(repository, { digest, bytes, tags, needs })).length === 0;
    },
  };
}

async function* piecesOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

export type Replica = ReturnType<typeof createReplica>;

export async function push(replica: Replica, repository: string, image: Image, ...tags: string[]): Promise<void> {
  for (const blob of image.blobs) await replica.pushBlob(repository, blob);
  if (!(await replica.pushManifest(repository, image, ...tags)))
    throw new Error('a blob that was just pushed is missing');
}
