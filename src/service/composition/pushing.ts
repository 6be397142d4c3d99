import type { Config } from '../../config/config.ts';
import { UploadPurging } from '../../content/upload-purging.ts';
import { UploadStore } from '../../content/uploads.ts';
import type { Digest } from '../../oci/digest.ts';
import { createPeerSecret } from '../../redis/peer-secret.ts';
import { BlobMounts } from '../../hosted/blob-mounts.ts';
import { HostedUploads } from '../../hosted/hosted-uploads.ts';
import { limitUploads } from '../../filters/limit-uploads.ts';
import { readOnly } from '../../filters/read-only.ts';
import { HostedRegistry } from '../../hosted/hosted-registry.ts';
import type { Registry } from '../../registry/registry.ts';
import { createUploadSecrets } from '../../hosted/upload-secrets.ts';
import type { StorageDriver } from '../../storage/driver.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Stored } from './stored.ts';

export interface Hosted {
  /** As clients use it: within limits, read-only where the storage is. */
  readonly registry: Registry;
  /** Reads stored content, whichever registry it belongs to. */
  readonly stored: HostedRegistry;
  close(): Promise<void>;
}

/** The registry of stored content. */
export function createHosted(
  { http, push, storage }: Config,
  parts: Omit<Stored, 'buffers'> & { readonly telemetry: Telemetry },
): Hosted {
  const { driver, store, content, redis, usage, telemetry } = parts;
  if (http.secret === undefined && !redis) {
    telemetry.log.info({}, 'no http.secret is configured: a push can only go on at the process at which it began');
  }
  const holders = async (digest: Digest) => (await usage.index.holders(digest)).map(({ repository }) => repository);
  const uploads = new HostedUploads({
    uploads: new UploadStore(driver, (repository, digest, staged) => store.blobs.publish(repository, digest, staged)),
    mounts: new BlobMounts({ blobs: store.blobs, holders }),
    secrets: createUploadSecrets({ configured: http.secret, shared: redis && createPeerSecret(redis) }),
    onStored: (repository, digest, size) => content.blobStored(repository, digest, size),
    now: Date.now,
  });
  const stored = new HostedRegistry({ store, content, uploads, policy: push });
  const registry = storage.readOnly ? readOnly(stored) : limitUploads(stored, http.limits.maxBlobBytes);
  return { registry, stored, close: () => uploads.close() };
}

/** Of uploads that nobody finished; undefined where they stay. */
export function createUploadPurging(
  { storage: { uploadPurging, readOnly } }: Config,
  driver: StorageDriver,
  { housekeeping, log }: Telemetry,
): UploadPurging | undefined {
  if (!uploadPurging || readOnly) return undefined;
  return new UploadPurging({
    ...uploadPurging,
    driver,
    now: Date.now,
    onPurged: ({ uploads, dryRun }) =>
      log.info(
        { uploads, dryrun: dryRun },
        dryRun ? 'uploads that nobody finished: they stay' : 'uploads that nobody finished removed',
      ),
    onFailed: (error) => housekeeping.housekeepingFailed({ task: 'uploadpurging', error }),
  });
}
