import { posix } from 'node:path';

import type { StorageDriver } from '../driver.ts';
import { withRedirectUrl } from './wrapped.ts';

/** Clients are sent to `baseUrl` with the path behind it: a web server that has the same files. */
export function redirectStorage(driver: StorageDriver, { baseUrl }: { readonly baseUrl: string }): StorageDriver {
  const { origin, pathname } = new URL(baseUrl);
  return withRedirectUrl(driver, async (path) => `${origin}${posix.join(pathname, path)}`);
}
