import { type ExchangeResponse, headerText } from './transport.ts';
import { UpstreamError } from './upstream.ts';

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * The target of a redirect; undefined for other responses. The method stays the same: only `GET` and `HEAD` are redirected.
 *
 * @throws {UpstreamError} `protocol` for a missing or invalid `Location`, another scheme than HTTP, or from TLS to plain HTTP
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-15.4
 */
export function nextHop(
  response: ExchangeResponse,
  { upstream, base }: { readonly upstream: string; readonly base: URL },
): URL | undefined {
  if (!REDIRECTS.has(response.status)) return undefined;
  const location = headerText(response.headers, 'location') ?? '';
  const problem = problemWith(location, response.url, base);
  if (problem === undefined) return new URL(location, response.url);
  response.body.drain();
  const message = `${upstream}: ${response.status} from ${response.url.host} ${problem}`;
  throw new UpstreamError('protocol', message, { upstream, status: response.status });
}

function problemWith(location: string, from: URL, base: URL): string | undefined {
  if (location === '' || !URL.canParse(location, from.href)) return 'without a usable Location';
  const { protocol, host } = new URL(location, from);
  if (protocol === 'https:') return undefined;
  if (protocol !== 'http:') return `leads to ${protocol}`;
  return base.protocol === 'https:' ? `leads to ${host} without TLS` : undefined;
}
