import { DescriptorCache } from '../../cache/descriptor-cache.ts';
import { ContentCache } from '../../content/content-cache.ts';
import type { ContentStore } from '../../content/content-store.ts';
import { IMPORTS } from '../../content/paths.ts';
import { UploadNotes } from '../../content/upload-notes.ts';
import { type CommitUpload, UploadStore } from '../../content/uploads.ts';
import { HostedRegistry } from '../../hosted/hosted-registry.ts';
import { createUploadSecrets } from '../../hosted/upload-secrets.ts';
import type { StorageDriver } from '../../storage/driver.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';

/** Blobs whose sizes are kept in memory. */
const MAX_DESCRIPTORS = 10_000;
/** An index may be stored without some of its platforms, as in a cache. */
const VALIDATION = { allow: [], deny: [], platforms: 'none' } as const;

export interface StoredImagesOptions {
  readonly driver: StorageDriver;
  readonly store: ContentStore;
  /** The content that the process has in memory. Absent when it serves nothing. */
  readonly content?: ContentCache;
  readonly telemetry: Telemetry;
  /** @default separate ones */
  readonly uploads?: UploadStore;
}

/** Upload sessions of imports: the next import removes those that a killed one left. */
export function createImportUploads({ driver, store }: Pick<StoredImagesOptions, 'driver' | 'store'>): UploadStore {
  const publish: CommitUpload = (repository, digest, staged) => store.blobs.publish(repository, digest, staged);
  return new UploadStore(driver, publish, new UploadNotes(driver, IMPORTS));
}

/** Stored images under their stored names, for commands that copy images in and out. */
export function createStoredImages(options: StoredImagesOptions): HostedRegistry {
  const { store, content, telemetry, uploads = createImportUploads(options) } = options;
  return new HostedRegistry({
    store,
    content: content ?? createContent(store, telemetry),
    uploads,
    policy: { deletes: false, validation: VALIDATION, classes: [] },
    secrets: createUploadSecrets({ configured: undefined, shared: undefined }),
    holders: async () => [],
  });
}

function createContent(store: ContentStore, telemetry: Telemetry): ContentCache {
  const descriptors = new DescriptorCache({ maxEntries: MAX_DESCRIPTORS, redis: undefined, events: telemetry.redis });
  return new ContentCache({ store, descriptors, onDamage: () => {} });
}
