import type { S3Config, StorageConfig, StorageDriverConfig } from '../config/config.ts';
import type { BufferPool } from '../stream/buffer-pool.ts';
import type { StorageDriver } from './driver.ts';
import { createFilesystemDriver } from './filesystem/filesystem.ts';
import { createInmemoryDriver } from './inmemory/inmemory.ts';
import { withMiddleware } from './middleware/index.ts';
import type { StorageLog } from './storage-log.ts';
import { createTieredDriver } from './tier/tiered.ts';

export interface StorageDriverDependencies {
  readonly buffers: BufferPool;
  readonly log?: StorageLog | undefined;
}

/** The configured driver with everything around it. Whoever calls closes it. */
export async function createStorage(
  { driver, middleware, tier }: Pick<StorageConfig, 'driver' | 'middleware' | 'tier'>,
  dependencies: StorageDriverDependencies,
): Promise<StorageDriver> {
  const { buffers, log } = dependencies;
  let storage = await createStorageDriver(driver, dependencies);
  try {
    storage = await withMiddleware(storage, middleware, log);
    if (!tier) return storage;
    const onError = (err: unknown) => log?.warn({ reason: String(err) }, 'a blob could not be kept in storage.tier');
    return await createTieredDriver(storage, { ...tier, buffers, onError });
  } catch (err) {
    await storage.close();
    throw err;
  }
}

/** The driver the configuration names, ready for use. Whoever calls closes it. */
export async function createStorageDriver(
  config: StorageDriverConfig,
  { buffers, log }: StorageDriverDependencies,
): Promise<StorageDriver> {
  switch (config.kind) {
    case 'filesystem':
      return await createFilesystemDriver({ rootDirectory: config.rootDirectory, buffers, log });
    case 'inmemory':
      return createInmemoryDriver();
    case 's3':
      return await createS3(config, log);
  }
}

/** The SDK is large: it is loaded by those who use it. */
async function createS3(config: S3Config, log: StorageLog | undefined): Promise<StorageDriver> {
  const { createS3Driver } = await import('./s3/s3.ts');
  return createS3Driver({
    config,
    onRequest: config.logRequests ? (request) => log?.debug(request, 's3 request') : undefined,
    onAbandonedRemoved: (count) => log?.info({ count }, 'removed multipart uploads that nobody finished'),
    onBackgroundError: (error) => log?.warn({ reason: error.message }, 's3 storage'),
  });
}
