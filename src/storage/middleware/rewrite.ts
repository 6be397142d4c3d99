import type { StorageDriver } from '../driver.ts';
import { withRedirectUrl } from './wrapped.ts';

export interface RewriteOptions {
  readonly scheme: string | undefined;
  /** With its port. */
  readonly host: string | undefined;
  readonly trimPathPrefix: string | undefined;
}

/** The URL of the driver with another scheme and host, and less of its path; the query stays. */
export function rewriteStorage(driver: StorageDriver, options: RewriteOptions): StorageDriver {
  return withRedirectUrl(driver, async (path, request) => {
    const url = await driver.redirectUrl(path, request);
    return url && rewriteUrl(url, options);
  });
}

// Not by the setters of URL: they refuse to turn http into another kind of scheme, and forget a port that is a default.
function rewriteUrl(text: string, { scheme, host, trimPathPrefix }: RewriteOptions): string {
  const { protocol, host: oldHost, pathname, search } = new URL(text);
  const isTrimmed = trimPathPrefix !== undefined && pathname.startsWith(trimPathPrefix);
  const path = isTrimmed ? pathname.slice(trimPathPrefix.length) : pathname;
  const newScheme = scheme ?? protocol.replace(/:$/, '');
  return `${newScheme}://${host ?? oldHost}${path.startsWith('/') ? '' : '/'}${path}${search}`;
}
