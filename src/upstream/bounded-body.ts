import { Readable } from 'node:stream';

import type { CallScope } from './call-scope.ts';
import { decoded, encodingsOf, isHtml } from './content-encoding.ts';
import { networkFailure } from './network-failure.ts';
import type { Answer } from './transport.ts';
import { UpstreamError } from './upstream.ts';

export interface ReadBodyOptions {
  readonly upstream: string;
  /** Bytes; one more is a `protocol` error, and the rest is not read. */
  readonly limit: number;
  readonly scope: CallScope;
}

/** Without its `Content-Encoding`. @throws {UpstreamError} `protocol` above the limit, `network` or `timeout` when it breaks; or why the scope ended */
export async function readBody(answer: Answer, { upstream, limit, scope }: ReadBodyOptions): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const isEncoded = encodingsOf(answer).length > 0;
  const raw = isEncoded ? Readable.from(bounded(answer, { upstream, limit })) : answer.body;
  try {
    for await (const chunk of decoded(answer, upstream, raw) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) throw tooLarge(upstream, answer, limit);
      chunks.push(chunk);
    }
  } catch (cause) {
    scope.signal.throwIfAborted();
    throw networkFailure(upstream, answer.url.host, cause);
  }
  return Buffer.concat(chunks);
}

/** An encoded body can be endless without ever becoming a byte. */
async function* bounded(
  answer: Answer,
  { upstream, limit }: Pick<ReadBodyOptions, 'upstream' | 'limit'>,
): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw tooLarge(upstream, answer, limit);
    yield chunk;
  }
}

/** @throws {UpstreamError} as {@link readBody}, and `protocol` for what is not JSON */
export async function readJson(answer: Answer, options: ReadBodyOptions): Promise<unknown> {
  const bytes = await readBody(answer, options);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    // The syntax error would quote the body.
    const { upstream } = options;
    const instead = isHtml(answer) ? 'an HTML page instead of JSON' : 'not JSON';
    const message = `${upstream}: ${answer.status} from ${answer.url.host} is ${instead}`;
    throw new UpstreamError('protocol', message, { upstream, status: answer.status });
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function tooLarge(upstream: string, { status, url }: Answer, limit: number): UpstreamError {
  return new UpstreamError('protocol', `${upstream}: answer from ${url.host} is larger than ${limit} bytes`, {
    upstream,
    status,
  });
}
