import { UpstreamError } from './upstream.ts';

export interface UploadLocationOptions {
  readonly upstream: string;
  /** Of the registry. */
  readonly base: URL;
  /** The requested URL. */
  readonly from: URL;
  /** Of the response. */
  readonly status: number;
}

/**
 * The URL at which an upload continues. A registry behind a proxy often gets its own scheme and port wrong; a URL on its host is
 * requested at the configured ones. Does not check whether another host may be reached.
 *
 * @throws {UpstreamError} `protocol` without a usable URL, or for one that leads from TLS to plain HTTP elsewhere
 */
export function uploadLocation(
  location: string | undefined,
  { upstream, base, from, status }: UploadLocationOptions,
): URL {
  const fail = (message: string) => new UpstreamError('protocol', `${upstream}: ${message}`, { upstream, status });
  if (location === undefined || location === '' || !URL.canParse(location, from.href)) {
    throw fail(`${from.host} sent no valid Location for the upload`);
  }
  const url = new URL(location, from);
  // As text: a path that begins with two slashes would be read as another host.
  const at = (origin: string) => new URL(origin + url.pathname + url.search);
  if (url.hostname === base.hostname) return at(base.origin);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw fail(`the upload leads to ${url.protocol}`);
  if (url.protocol === 'http:' && base.protocol === 'https:') throw fail(`the upload leads to ${url.host} without TLS`);
  return at(url.origin);
}
