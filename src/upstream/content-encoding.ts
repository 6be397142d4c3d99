import { pipeline, Readable, type Transform } from 'node:stream';
import zlib from 'node:zlib';

import { BodyTooLargeError } from '../stream/bounded-body.ts';
import type { ResponseHeaders } from './connections/exchange-body.ts';
import { networkFailure } from './network-failure.ts';
import { type ExchangeResponse, headerText } from './transport.ts';
import { UpstreamError } from './upstream.ts';

/** Of RFC 9110 section 8.4.1, and RFC 8878. Zstandard where Node has it. */
const DECODERS: Readonly<Record<string, (() => Transform) | undefined>> = {
  gzip: zlib.createGunzip,
  'x-gzip': zlib.createGunzip,
  deflate: zlib.createInflate,
  br: zlib.createBrotliDecompress,
  zstd: (zlib as { createZstdDecompress?: () => Transform }).createZstdDecompress,
};

/** No server has a reason to apply more. */
const MAX_ENCODINGS = 2;

/** Decoded bytes for each encoded one above which a body is a bomb, once {@link BOMB_BYTES} have come out. */
const BOMB_RATIO = 250;
const BOMB_BYTES = 64 * 1024 * 1024;

/**
 * The encodings of a body that can be undone, in the order in which they were applied; requests accept none, but some servers and CDNs
 * compress anyway. Empty for `identity` and for unknown encodings, such as the `aws-chunked` label of objects in S3.
 */
export function encodingsOf({ headers }: Pick<ExchangeResponse, 'headers'>): readonly string[] {
  const named = (headerText(headers, 'content-encoding') ?? '').toLowerCase().split(',');
  const encodings = named.map((name) => name.trim()).filter((name) => name !== '' && name !== 'identity');
  const isKnown = encodings.length <= MAX_ENCODINGS && encodings.every((name) => DECODERS[name] !== undefined);
  return isKnown ? encodings : [];
}

/** The body without its encodings. Fails with an {@link UpstreamError} when it is not encoded like that, or decodes to too much. */
export function decoded(
  response: ExchangeResponse,
  upstream: string,
  body: Readable = response.body.stream(),
): Readable {
  const encodings = encodingsOf(response);
  if (encodings.length === 0) return body;
  const { host } = response.url;
  const stages = encodings.toReversed().map((name) => (DECODERS[name] as () => Transform)());
  const fail = (message: string) => new UpstreamError('protocol', `${upstream}: ${host} ${message}`, { upstream });
  return Readable.from(
    (async function* () {
      const counted = { encoded: 0, decoded: 0 };
      const source = Readable.from(counting(body, (bytes) => (counted.encoded += bytes)));
      const last = stages.reduce<Readable>((from, stage) => pipeline(from, stage, () => undefined), source);
      try {
        for await (const chunk of last as AsyncIterable<Buffer>) {
          counted.decoded += chunk.length;
          const isBomb = counted.decoded > BOMB_BYTES && counted.decoded > counted.encoded * BOMB_RATIO;
          if (isBomb) throw fail('sent a compressed body that decodes to too much');
          yield chunk;
        }
      } catch (cause) {
        if (cause instanceof BodyTooLargeError) throw cause;
        throw isZlib(cause)
          ? fail(`sent a body that is not ${encodings.join(', ')}`)
          : networkFailure(upstream, host, cause);
      }
    })(),
    { objectMode: false },
  );
}

async function* counting(body: Readable, count: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of body as AsyncIterable<Buffer>) {
    count(chunk.length);
    yield chunk;
  }
}

/** The type of a login page, or of a captive portal. */
export function isHtml({ headers }: { readonly headers: ResponseHeaders }): boolean {
  return /^\s*(?:text\/html|application\/xhtml\+xml)\s*(?:;|$)/i.test(headerText(headers, 'content-type') ?? '');
}

function isZlib(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return /^(?:Z_|ZSTD_|ERR__ERROR|ERR_BROTLI)/.test(code);
}
