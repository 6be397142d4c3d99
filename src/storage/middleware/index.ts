import { posix } from 'node:path';

import type { StorageDriver } from '../driver.ts';
import type { StorageLog } from '../storage-log.ts';
import { cloudFrontStorage, type CloudFrontOptions } from './cloudfront.ts';
import { withRedirectUrl } from './with-redirect-url.ts';

/** Redirects clients to a web server that has the same files. */
export interface RedirectOptions {
  /** URL of the storage's root directory at that server. */
  readonly baseUrl: string;
}

/** Changes parts of the driver's own redirect URLs; absent ones stay. */
export interface RewriteOptions {
  readonly scheme: string | undefined;
  /** Host name, with the port if there is one. */
  readonly host: string | undefined;
  /** Removed from the beginning of the path. */
  readonly trimPathPrefix: string | undefined;
}

/** A middleware by name, with its options. */
export type StorageMiddlewareOptions =
  | ({ readonly kind: 'redirect' } & RedirectOptions)
  | ({ readonly kind: 'rewrite' } & RewriteOptions)
  | ({ readonly kind: 'cloudfront' } & CloudFrontOptions);

/**
 * Wraps a driver with middleware. The last one of the list is the outermost.
 *
 * @returns a driver that closes the wrapped one
 * @throws {Error} when the private key for CloudFront cannot be read
 */
export async function withMiddleware(
  driver: StorageDriver,
  middleware: readonly StorageMiddlewareOptions[],
  log?: StorageLog,
): Promise<StorageDriver> {
  let wrapped = driver;
  for (const options of middleware) wrapped = await wrap(wrapped, options, log);
  return wrapped;
}

async function wrap(
  driver: StorageDriver,
  options: StorageMiddlewareOptions,
  log: StorageLog | undefined,
): Promise<StorageDriver> {
  switch (options.kind) {
    case 'redirect':
      return redirectStorage(driver, options);
    case 'rewrite':
      return rewriteStorage(driver, options);
    case 'cloudfront':
      return await cloudFrontStorage(driver, options, log);
  }
}

function redirectStorage(driver: StorageDriver, { baseUrl }: RedirectOptions): StorageDriver {
  const { origin, pathname } = new URL(baseUrl);
  return withRedirectUrl(driver, async (path) => `${origin}${posix.join(pathname, path)}`);
}

function rewriteStorage(driver: StorageDriver, options: RewriteOptions): StorageDriver {
  return withRedirectUrl(driver, async (path, request) => {
    const url = await driver.redirectUrl(path, request);
    return url && rewriteUrl(url, options);
  });
}

// Without the setters of URL: they do not change http to a scheme of another kind, and drop a default port.
function rewriteUrl(text: string, { scheme, host, trimPathPrefix }: RewriteOptions): string {
  const { protocol, host: oldHost, pathname, search } = new URL(text);
  const isTrimmed = trimPathPrefix !== undefined && pathname.startsWith(trimPathPrefix);
  const path = isTrimmed ? pathname.slice(trimPathPrefix.length) : pathname;
  const newScheme = scheme ?? protocol.replace(/:$/, '');
  return `${newScheme}://${host ?? oldHost}${path.startsWith('/') ? '' : '/'}${path}${search}`;
}
