import { UpstreamError } from './upstream.ts';

export interface UploadLocationOptions {
  readonly upstream: string;
  /** Of the registry. */
  readonly base: URL;
  /** What was requested. */
  readonly from: URL;
  /** Of the response. */
  readonly status: number;
}

/**
 * Where an upload continues. A registry behind a proxy often gets its own scheme and port wrong; a URL on its host is requested at the
 * configured one. Does not say whether another host may be reached.
 *
 * @throws {UpstreamError} `protocol` without a usable URL, or for one that leads from TLS to plain HTTP elsewhere
 */
export function uploadLocation(
  location: string | undefined,
  { upstream, base, from, status }: UploadLocationOptions,
): URL {
  const fail = (message: string) => new UpstreamError('protocol', `${upstream}: ${message}`, { upstream, status });
  if (location === undefined || location === '' || !URL.canParse(location, from.href)) {
    throw fail(`${from.host} does not say where the upload continues`);
  }
  const url = new URL(location, from);
  // As text: with two slashes at its beginning a path would be read as another host.
  const at = (origin: string) => new URL(origin + url.pathname + url.search);
  if (url.hostname === base.hostname) return at(base.origin);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw fail(`the upload leads to ${url.protocol}`);
  if (url.protocol === 'http:' && base.protocol === 'https:') throw fail(`the upload leads to ${url.host} without TLS`);
  return at(url.origin);
}
