import type { StorageMiddlewareConfig } from '../../config/config.ts';
import type { StorageDriver } from '../driver.ts';
import type { StorageLog } from '../storage-log.ts';
import { cloudFrontStorage } from './cloudfront.ts';
import { redirectStorage } from './redirect.ts';
import { rewriteStorage } from './rewrite.ts';

/** The driver with all middleware around it, the last of the list outermost. */
export async function withMiddleware(
  driver: StorageDriver,
  middleware: readonly StorageMiddlewareConfig[],
  log?: StorageLog,
): Promise<StorageDriver> {
  let wrapped = driver;
  for (const config of middleware) wrapped = await wrap(wrapped, config, log);
  return wrapped;
}

async function wrap(
  driver: StorageDriver,
  config: StorageMiddlewareConfig,
  log: StorageLog | undefined,
): Promise<StorageDriver> {
  switch (config.kind) {
    case 'redirect':
      return redirectStorage(driver, config);
    case 'rewrite':
      return rewriteStorage(driver, config);
    case 'cloudfront':
      return await cloudFrontStorage(driver, config, log);
  }
}
