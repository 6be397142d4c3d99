import type { BufferPool } from '../stream/buffer-pool.ts';
import type { StorageDriver } from './driver.ts';
import type { FilesystemDriverOptions } from './filesystem/filesystem.ts';
import type { StorageMiddlewareOptions } from './middleware/index.ts';
import type { AzureOptions } from './azure/options.ts';
import type { GcsOptions } from './gcs/options.ts';
import type { RadosOptions } from './rados/options.ts';
import type { S3Options } from './s3/options.ts';
import type { StorageLog } from './storage-log.ts';

/** A driver by name, with its options. */
export type StorageDriverOptions =
  | ({ readonly kind: 'filesystem' } & Pick<FilesystemDriverOptions, 'rootDirectory' | 'durability'>)
  | { readonly kind: 'inmemory' }
  | ({ readonly kind: 's3'; readonly logRequests?: boolean } & S3Options)
  | ({ readonly kind: 'gcs' } & GcsOptions)
  | ({ readonly kind: 'azure' } & AzureOptions)
  | ({ readonly kind: 'rados' } & RadosOptions);

/** A driver with the layers around it. */
export interface StorageOptions {
  readonly driver: StorageDriverOptions;
  /** Changes where clients are redirected to. The last one is the outermost. */
  readonly middleware: readonly StorageMiddlewareOptions[];
  /** Copies of blobs on a local disk, up to `maxBytes`. Absent: no copies. */
  readonly tier: { readonly directory: string; readonly maxBytes: number } | undefined;
}

/** What all drivers of a process share. */
export interface StorageDriverDependencies {
  /** Memory for reads. */
  readonly buffers: BufferPool;
  readonly log?: StorageLog | undefined;
}

/**
 * Creates a driver with the layers around it.
 *
 * @returns a driver that the caller closes
 * @throws {Error} when the storage directory can be neither created nor read, or a file named in the options cannot be read
 */
export async function createStorage(
  { driver, middleware, tier }: StorageOptions,
  dependencies: StorageDriverDependencies,
): Promise<StorageDriver> {
  let storage = await createStorageDriver(driver, dependencies);
  try {
    if (middleware.length > 0) {
      const { withMiddleware } = await import('./middleware/index.ts');
      storage = await withMiddleware(storage, middleware, dependencies.log);
    }
    return tier ? await withTier(storage, tier, dependencies) : storage;
  } catch (err) {
    await storage.close();
    throw err;
  }
}

/**
 * Creates a driver alone. Only this driver is loaded, with its packages.
 *
 * @returns a driver that the caller closes
 * @throws {Error} as {@link createStorage}
 */
export async function createStorageDriver(
  options: StorageDriverOptions,
  { buffers, log }: StorageDriverDependencies,
): Promise<StorageDriver> {
  switch (options.kind) {
    case 'filesystem': {
      const { createFilesystemDriver } = await import('./filesystem/filesystem.ts');
      return await createFilesystemDriver({ ...options, buffers, log });
    }
    case 'inmemory': {
      const { createInmemoryDriver } = await import('./inmemory/inmemory.ts');
      return createInmemoryDriver();
    }
    case 's3':
      return await createS3(options, log);
    case 'azure': {
      const { createAzureDriver } = await import('./azure/azure.ts');
      const onUnsigned = (reason: string) => log?.warn({ reason }, 'redirects to azure disabled');
      return createAzureDriver({ ...options, onUnsigned });
    }
    case 'rados': {
      const { createRadosDriver } = await import('./rados/rados.ts');
      return createRadosDriver({ ...options, buffers });
    }
    case 'gcs': {
      const { createGcsDriver } = await import('./gcs/gcs.ts');
      const onUnsigned = (reason: string) => log?.warn({ reason }, 'redirects to gcs disabled');
      return await createGcsDriver({ ...options, onUnsigned });
    }
  }
}

async function withTier(
  storage: StorageDriver,
  tier: NonNullable<StorageOptions['tier']>,
  { buffers, log }: StorageDriverDependencies,
): Promise<StorageDriver> {
  const { createTieredDriver } = await import('./tier/tiered.ts');
  const onError = (err: unknown) => log?.warn({ reason: String(err) }, 'copy to storage.tier failed');
  return await createTieredDriver(storage, { ...tier, buffers, onError });
}

async function createS3(
  { logRequests, ...options }: S3Options & { readonly logRequests?: boolean },
  log: StorageLog | undefined,
): Promise<StorageDriver> {
  const { createS3Driver } = await import('./s3/s3.ts');
  return createS3Driver({
    ...options,
    onRequest: logRequests ? (request) => log?.debug(request, 's3 request') : undefined,
    onAbandonedRemoved: (count) => log?.info({ count }, 'abandoned multipart uploads removed'),
    onBackgroundError: (error) => log?.warn({ reason: error.message }, 's3 storage failed'),
  });
}
