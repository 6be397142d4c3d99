import { Readable } from 'node:stream';

import { type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts';
import { blobBody } from './blob-body.ts';
import type { CallScope } from './call-scope.ts';
import { encodingsOf } from './content-encoding.ts';
import { type ContentRange, parseContentRange, parseLength } from './content-range.ts';
import { isDoubtful, settleDoubt } from './doubtful-blob.ts';
import type { Endpoint, EndpointAnswer, EndpointRequest } from './endpoint.ts';
import { drain, headerText } from './transport.ts';
import type { ResolvedBlob, UpstreamBlob } from './upstream.ts';

export interface BlobCall {
  readonly repository: string;
  readonly digest: Digest;
  readonly scope: CallScope;
}

export interface OpenBlobCall extends BlobCall {
  readonly start: number;
  /** Exclusive; undefined: to the end. */
  readonly end: number | undefined;
  readonly onBytes: (bytes: number) => void;
}

/** Redirect targets whose signature covers the method refuse `HEAD`; others do not know it. */
const HEAD_REFUSED = new Set([400, 403, 405, 501]);

/**
 * By `HEAD`; by a `GET` of the first byte where a redirect target does not take it, or where it has no length. A blob that is sent
 * encoded, or as HTML, is read whole: nothing else tells its size.
 *
 * @throws {UpstreamError} `protocol` for what cannot be the blob
 */
export async function resolveBlob(endpoint: Endpoint, call: BlobCall): Promise<ResolvedBlob> {
  const { scope } = call;
  const size = await endpoint.call(blobRequest('HEAD', call), scope, async (answer) => {
    const refused = HEAD_REFUSED.has(answer.status) && (answer.isForeign || answer.status !== 403);
    if (answer.status !== 200 && !refused) throw await endpoint.failure(answer, scope);
    drain(answer.body);
    const length = wholeLength(answer);
    return answer.status === 200 && !isDoubtful(answer) && canHave(call.digest, length) ? length : undefined;
  });
  return size === undefined ? resolveByGet(endpoint, call) : { size };
}

function resolveByGet(endpoint: Endpoint, call: BlobCall): Promise<ResolvedBlob> {
  const { scope } = call;
  return endpoint.call<ResolvedBlob>(blobRequest('GET', call, 'bytes=0-0'), scope, async (answer) => {
    if ((answer.status === 200 || answer.status === 206) && isDoubtful(answer))
      return resolveWhole(endpoint, answer, call);
    const { status, headers, body } = answer;
    // An empty blob has no first byte: RFC 9110 section 14.4 puts its size as `*/0`.
    const isEmpty = status === 416 && headerText(headers, 'content-range')?.trim() === 'bytes */0';
    if (status !== 200 && status !== 206 && !isEmpty) throw await endpoint.failure(answer, scope);
    body.on('error', () => undefined).destroy();
    const size = status === 206 ? parseContentRange(headerText(headers, 'content-range'))?.size : wholeLength(answer);
    if (isEmpty || size === 0) assertCanBeEmpty(endpoint, answer, call.digest);
    return { size: isEmpty ? 0 : size };
  });
}

async function resolveWhole(endpoint: Endpoint, answer: EndpointAnswer, call: BlobCall): Promise<ResolvedBlob> {
  if (answer.status === 206) {
    const part = parseContentRange(headerText(answer.headers, 'content-range'));
    if (part?.size !== undefined && !isEncoded(answer)) {
      drain(answer.body);
      return { size: part.size };
    }
  }
  const whole = await openDoubtful(endpoint, answer, { ...call, start: 0, end: undefined, onBytes: () => undefined });
  if (whole.size !== undefined) {
    whole.body.destroy();
    return { size: whole.size };
  }
  let size = 0;
  for await (const chunk of whole.body as AsyncIterable<Buffer>) size += chunk.length;
  return { size };
}

/** The scope is closed when the body is. @throws {UpstreamError} */
export async function openBlob(endpoint: Endpoint, call: OpenBlobCall): Promise<UpstreamBlob> {
  const { scope, start, end } = call;
  const range = start > 0 || end !== undefined ? `bytes=${start}-${end === undefined ? '' : end - 1}` : undefined;
  const request: EndpointRequest = { ...blobRequest('GET', call, range), judgesBody: true };
  return endpoint.call(request, scope, async (answer) => {
    if (answer.status !== 200 && answer.status !== 206) throw await openFailure(endpoint, answer, scope);
    if (isDoubtful(answer) && (answer.status === 200 || isEncoded(answer))) return openDoubtful(endpoint, answer, call);
    const extent = answer.status === 206 ? readExtent(endpoint, answer, call) : wholeExtent(answer);
    if (extent.size === 0) assertCanBeEmpty(endpoint, answer, call.digest);
    scope.endDeadline();
    const { upstream } = endpoint;
    const { onBytes } = call;
    const body = blobBody(answer, { upstream, scope, expected: extent.length, onBytes });
    return { size: extent.size, start: extent.start, body };
  });
}

/** A range of an encoded body is none of the blob, so that is asked for again as a whole. */
async function openDoubtful(endpoint: Endpoint, answer: EndpointAnswer, call: OpenBlobCall): Promise<UpstreamBlob> {
  const { upstream } = endpoint;
  const { scope, start, end, onBytes } = call;
  if (answer.status === 206) {
    drain(answer.body);
    return endpoint.call({ ...blobRequest('GET', call), judgesBody: true }, scope, async (whole) => {
      if (whole.status !== 200) throw await endpoint.failure(whole, scope);
      return isDoubtful(whole)
        ? openDoubtful(endpoint, whole, call)
        : openStream(endpoint, whole, { call, body: whole.body });
    });
  }
  const settled = await settleDoubt(endpoint, answer, call);
  if (settled.kind === 'stream') return openStream(endpoint, answer, { call, body: settled.body });
  const { bytes } = settled;
  onBytes(bytes.length);
  scope.endDeadline();
  const from = Math.min(start, bytes.length);
  const part = bytes.subarray(from, end);
  const body = blobBody(
    { ...answer, body: Readable.from([part]) },
    { upstream, scope, expected: part.length, onBytes: () => undefined },
  );
  return { size: bytes.length, start: from, body };
}

interface Extent {
  readonly start: number;
  /** Bytes of the body. */
  readonly length: number | undefined;
  /** Bytes of the whole blob. */
  readonly size: number | undefined;
}

function wholeExtent(answer: EndpointAnswer): Extent {
  const length = wholeLength(answer);
  return { start: 0, length, size: length };
}

/** @throws {UpstreamError} `protocol` when it is not the range that was asked for */
function readExtent(endpoint: Endpoint, answer: EndpointAnswer, asked: OpenBlobCall): Extent {
  const header = headerText(answer.headers, 'content-range');
  const range = parseContentRange(header);
  const length = parseLength(headerText(answer.headers, 'content-length'));
  if (range && isRangeAsked(range, asked) && (length === undefined || length === range.end - range.start)) {
    return { start: range.start, length: range.end - range.start, size: range.size };
  }
  answer.body.on('error', () => undefined).destroy();
  const wanted = `bytes ${asked.start}-${asked.end === undefined ? '' : asked.end - 1}`;
  const got = (header ?? 'no Content-Range').slice(0, 100);
  throw endpoint.protocolError(`${answer.url.host} was asked for ${wanted} and answered with ${got}`, 206);
}

/** It must start where asked and, as far as the size is known, go as far: a shorter one would look complete. */
function isRangeAsked({ start, end, size }: ContentRange, asked: OpenBlobCall): boolean {
  if (start !== asked.start) return false;
  const last = Math.min(asked.end ?? Infinity, size ?? Infinity);
  return last === Infinity || end === last;
}

async function openFailure(endpoint: Endpoint, answer: EndpointAnswer, scope: CallScope) {
  if (answer.status !== 416) return endpoint.failure(answer, scope);
  drain(answer.body);
  const range = (headerText(answer.headers, 'content-range') ?? 'no Content-Range').slice(0, 100);
  return endpoint.protocolError(`416 from ${answer.url.host}: the blob has no such range (${range})`, 416);
}

/** Whose size is known only when it is the body as it came. */
function openStream(
  endpoint: Endpoint,
  answer: EndpointAnswer,
  { call, body }: { readonly call: OpenBlobCall; readonly body: Readable },
): UpstreamBlob {
  const { scope, onBytes } = call;
  const size = body === answer.body ? wholeLength(answer) : undefined;
  scope.endDeadline();
  const { upstream } = endpoint;
  return { size, start: 0, body: blobBody({ ...answer, body }, { upstream, scope, expected: size, onBytes }) };
}

/** Nothing has one digest only. A response of no bytes for another one would be complete before anything could be verified. */
function canHave(digest: Digest, size: number | undefined): boolean {
  return size !== 0 || digestOf(Buffer.alloc(0), digestAlgorithm(digest)) === digest;
}

/** @throws {UpstreamError} `protocol` when it cannot; the body is destroyed then */
function assertCanBeEmpty(endpoint: Endpoint, { url, status, body }: EndpointAnswer, digest: Digest): void {
  if (canHave(digest, 0)) return;
  body.on('error', () => undefined).destroy();
  throw endpoint.protocolError(`${url.host} sent no bytes for ${digest}`, status);
}

function isEncoded(answer: EndpointAnswer): boolean {
  return encodingsOf(answer).length > 0;
}

function wholeLength({ headers }: EndpointAnswer): number | undefined {
  return parseLength(headerText(headers, 'content-length'));
}

function blobRequest(method: 'GET' | 'HEAD', { repository, digest }: BlobCall, range?: string): EndpointRequest {
  const headers = { accept: '*/*', ...(range !== undefined && { range }) };
  return { method, repository, path: `blobs/${digest}`, operation: 'blob', headers };
}
