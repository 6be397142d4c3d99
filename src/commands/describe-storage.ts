import type { StorageDriverConfig } from '../config/config.ts';

/** Where content is kept: a directory as it was written, or a bucket; undefined when it is gone when the process ends. */
export function describeStorage(driver: StorageDriverConfig): string | undefined {
  switch (driver.kind) {
    case 'filesystem':
      return driver.rootDirectory;
    case 's3': {
      const bucket = `s3://${driver.bucket}/${driver.rootDirectory.replace(/^\/+/, '')}`;
      return driver.endpoint === undefined ? bucket : `${bucket} at ${driver.endpoint}`;
    }
    case 'inmemory':
      return undefined;
  }
}
