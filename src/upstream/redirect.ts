import { type Answer, drain, headerText } from './transport.ts';
import { UpstreamError } from './upstream.ts';

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Where an answer leads; undefined when it is no redirect. The method stays: only `GET` and `HEAD` are ever sent.
 *
 * @throws {UpstreamError} `protocol` for no or a bad `Location`, another scheme than HTTP, or from TLS to plain HTTP
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-15.4
 */
export function nextHop(
  answer: Answer,
  { upstream, base }: { readonly upstream: string; readonly base: URL },
): URL | undefined {
  if (!REDIRECTS.has(answer.status)) return undefined;
  const location = headerText(answer.headers, 'location') ?? '';
  const problem = problemWith(location, answer.url, base);
  if (problem === undefined) return new URL(location, answer.url);
  drain(answer.body);
  const message = `${upstream}: ${answer.status} from ${answer.url.host} ${problem}`;
  throw new UpstreamError('protocol', message, { upstream, status: answer.status });
}

function problemWith(location: string, from: URL, base: URL): string | undefined {
  if (location === '' || !URL.canParse(location, from.href)) return 'without a usable Location';
  const { protocol, host } = new URL(location, from);
  if (protocol === 'https:') return undefined;
  if (protocol !== 'http:') return `leads to ${protocol}`;
  return base.protocol === 'https:' ? `leads to ${host} without TLS` : undefined;
}
