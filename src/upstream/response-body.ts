import { Readable } from 'node:stream';

import { bounded, BodyTooLargeError, readBounded } from '../stream/bounded-body.ts';
import type { CallScope } from './call-scope.ts';
import { decoded, encodingsOf, isHtml } from './content-encoding.ts';
import { networkFailure } from './network-failure.ts';
import type { ExchangeResponse } from './transport.ts';
import { UpstreamError } from './upstream.ts';

export interface ReadBodyOptions {
  readonly upstream: string;
  /** Bytes; one more is a `protocol` error, and the rest is not read. */
  readonly limit: number;
  readonly scope: CallScope;
}

/** Without its `Content-Encoding`. @throws {UpstreamError} `protocol` above the limit, `network` or `timeout` when it breaks; or why the scope ended */
export async function readBody(
  response: ExchangeResponse,
  { upstream, limit, scope }: ReadBodyOptions,
): Promise<Buffer> {
  // An encoded body can be endless and still decode to nothing.
  const isEncoded = encodingsOf(response).length > 0;
  const received = response.body.stream();
  const raw = isEncoded ? Readable.from(bounded(received, limit)) : received;
  try {
    return await readBounded(decoded(response, upstream, raw), limit);
  } catch (cause) {
    scope.signal.throwIfAborted();
    throw cause instanceof BodyTooLargeError
      ? tooLarge(upstream, response, cause)
      : networkFailure(upstream, response.url.host, cause);
  }
}

/** @throws {UpstreamError} as {@link readBody}, and `protocol` for a body that is not JSON */
export async function readJson(response: ExchangeResponse, options: ReadBodyOptions): Promise<unknown> {
  const bytes = await readBody(response, options);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    // The syntax error would quote the body.
    const { upstream } = options;
    const instead = isHtml(response) ? 'an HTML page instead of JSON' : 'not JSON';
    const message = `${upstream}: ${response.status} from ${response.url.host} is ${instead}`;
    throw new UpstreamError('protocol', message, { upstream, status: response.status });
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function tooLarge(upstream: string, { status, url }: ExchangeResponse, { message }: BodyTooLargeError): UpstreamError {
  return new UpstreamError('protocol', `${upstream}: the response of ${url.host} is ${message}`, { upstream, status });
}
