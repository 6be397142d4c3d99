import { Readable } from 'node:stream';

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
  const chunks: Buffer[] = [];
  let size = 0;
  const isEncoded = encodingsOf(response).length > 0;
  const raw = isEncoded ? Readable.from(bounded(response, { upstream, limit })) : response.body;
  try {
    for await (const chunk of decoded(response, upstream, raw) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) throw tooLarge(upstream, response, limit);
      chunks.push(chunk);
    }
  } catch (cause) {
    scope.signal.throwIfAborted();
    throw networkFailure(upstream, response.url.host, cause);
  }
  return Buffer.concat(chunks);
}

/** An encoded body can be endless without ever becoming a byte. */
async function* bounded(
  response: ExchangeResponse,
  { upstream, limit }: Pick<ReadBodyOptions, 'upstream' | 'limit'>,
): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw tooLarge(upstream, response, limit);
    yield chunk;
  }
}

/** @throws {UpstreamError} as {@link readBody}, and `protocol` for what is not JSON */
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

function tooLarge(upstream: string, { status, url }: ExchangeResponse, limit: number): UpstreamError {
  return new UpstreamError('protocol', `${upstream}: response from ${url.host} is larger than ${limit} bytes`, {
    upstream,
    status,
  });
}
