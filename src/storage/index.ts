import type { StorageDriverConfig } from '../config/config.ts';
import type { BufferPool } from '../stream/buffer-pool.ts';
import type { StorageDriver } from './driver.ts';
import { createFilesystemDriver } from './filesystem.ts';
import { createInmemoryDriver } from './inmemory.ts';

export interface StorageDriverDependencies {
  readonly buffers: BufferPool;
}

/** The driver the configuration names, ready for use. Whoever calls closes it. */
export async function createStorageDriver(
  config: StorageDriverConfig,
  { buffers }: StorageDriverDependencies,
): Promise<StorageDriver> {
  switch (config.kind) {
    case 'filesystem':
      return await createFilesystemDriver({ rootDirectory: config.rootDirectory, buffers });
    case 'inmemory':
      return createInmemoryDriver();
  }
}
