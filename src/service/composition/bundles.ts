import { BundleImports, type BundleImportsOptions } from '../../bundles/bundle-imports.ts';
import type { Config } from '../../config/config.ts';
import type { ContentStore } from '../../content/content-store.ts';
import type { UploadStore } from '../../content/uploads.ts';
import type { Registry } from '../../registry/registry.ts';
import type { Quota } from '../../retention/quota.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { toStorageFailure } from '../storage-failure.ts';
import { createStoredNames } from './image-checks.ts';

export interface BundlesOptions extends Pick<BundleImportsOptions, 'pins'> {
  readonly store: ContentStore;
  /** Stored images, under their stored names. */
  readonly registry: Registry;
  readonly log: Pick<Telemetry['log'], 'error'>;
  readonly onTagged: (repository: string, tag: string) => Promise<void>;
  /** Of the registry. */
  readonly uploads: Pick<UploadStore, 'removeAbandoned'>;
  /** Absent without a quota. */
  readonly quota: Pick<Quota, 'space'> | undefined;
}

/** Imports bundles under the names that clients have for their images. */
export function createBundles(
  { proxy, storage }: Pick<Config, 'proxy' | 'storage'>,
  { store, pins, log, uploads, quota, ...registry }: BundlesOptions,
): BundleImports {
  const target: BundleImportsOptions['target'] = {
    ...registry,
    storedNameOf: createStoredNames(proxy),
    storedSize: (digest) => store.bytes.size(digest),
    link: (repository, digest) => store.blobs.link(repository, digest),
  };
  return new BundleImports({
    target,
    pins,
    isReadOnly: storage.readOnly,
    storageFailure: toStorageFailure,
    removeAbandoned: () => uploads.removeAbandoned(),
    space: async () => quota?.space(),
    onError: (error) => log.error({ reason: error instanceof Error ? error.stack : String(error) }, 'import failed'),
  });
}
