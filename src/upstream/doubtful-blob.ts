import { Readable } from 'node:stream';

import { type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts';
import { BodyTooLargeError, readBounded } from '../stream/bounded-body.ts';
import { type ByteReader, ChunkReader } from '../stream/byte-reader.ts';
import type { CallScope } from './call-scope.ts';
import { decoded, encodingsOf, isHtml } from './content-encoding.ts';
import { parseLength } from './content-range.ts';
import type { Endpoint, EndpointResponse } from './endpoint.ts';
import { networkFailure } from './network-failure.ts';
import { headerText } from './transport.ts';
import { UpstreamError } from './upstream.ts';

/** Bytes of a body that are read before it is passed on. Larger bodies are streamed. */
const MAX_READ = 8 * 1024 * 1024;

/** The content of a doubtful response. */
export type DoubtfulBlob =
  /** Verified. */
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  /** Of unknown length. */
  | { readonly kind: 'stream'; readonly body: ByteReader };

/** Types of login pages, of captive portals, and of errors with status 200; rarely those of a blob. */
const PAGE = /^\s*(?:text\/(?:html|plain|xml)|application\/(?:xhtml\+xml|xml|json))\s*(?:;|$)/i;

/** Whether a response may not be the bytes of the blob: a page, or encoded although no encoding was requested. */
export function isDoubtful(response: EndpointResponse): boolean {
  return encodingsOf(response).length > 0 || PAGE.test(headerText(response.headers, 'content-type') ?? '');
}

/**
 * Reads a small body and decides by the digest: the received bytes, as some servers label a compressed layer as encoded, or the decoded
 * ones. A large body with a length is a file and taken unchanged; one without a length is compressed while it is sent.
 *
 * @param response of status 200
 * @throws {UpstreamError} `protocol` when neither is the blob
 */
export async function settleDoubt(
  endpoint: Endpoint,
  response: EndpointResponse,
  { digest, scope }: { readonly digest: Digest; readonly scope: CallScope },
): Promise<DoubtfulBlob> {
  const { upstream } = endpoint;
  const length = parseLength(headerText(response.headers, 'content-length'));
  if (length !== undefined && length > MAX_READ) return { kind: 'stream', body: response.body };
  const { head, rest } = await readHead(response, endpoint, scope.signal);
  if (rest) return { kind: 'stream', body: ChunkReader.of(decoded(response, upstream, rest)) };
  response.permit.succeed();
  const isBlob = (bytes: Buffer) => digestOf(bytes, digestAlgorithm(digest)) === digest;
  if (isBlob(head)) return { kind: 'bytes', bytes: head };
  if (isHtml(response))
    throw endpoint.protocolError(`${response.url.host} sent an HTML page instead of the blob`, response.status);
  const bytes = await decodeAll(response, endpoint, head);
  if (bytes && isBlob(bytes)) return { kind: 'bytes', bytes };
  throw endpoint.protocolError(`${response.url.host} sent other bytes than those of ${digest}`, response.status);
}

/** @returns `rest`, including the head, when the body is larger than {@link MAX_READ} */
async function readHead({ body, url }: EndpointResponse, { upstream }: Endpoint, signal: AbortSignal) {
  const chunks: Buffer[] = [];
  let size = 0;
  const iterator = (body.stream() as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  try {
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      chunks.push(next.value);
      size += next.value.length;
      if (size > MAX_READ) return { head: Buffer.alloc(0), rest: Readable.from(continued(chunks, iterator)) };
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw networkFailure(upstream, url.host, cause);
  }
  return { head: Buffer.concat(chunks), rest: undefined };
}

async function* continued(head: Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    for (const chunk of head.splice(0)) yield chunk;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** @returns undefined for a body that does not decode, or decodes to much more than a small body should */
async function decodeAll(
  response: EndpointResponse,
  { upstream }: Endpoint,
  bytes: Buffer,
): Promise<Buffer | undefined> {
  try {
    return await readBounded(decoded(response, upstream, Readable.from([bytes])), MAX_DECODED);
  } catch (err) {
    if (err instanceof UpstreamError || err instanceof BodyTooLargeError) return undefined;
    throw err;
  }
}

/** Bytes. */
const MAX_DECODED = 128 * 1024 * 1024;
