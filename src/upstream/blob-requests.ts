import { Readable } from 'node:stream';

import { type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts';
import { type ByteReader, ChunkReader, countBytes } from '../stream/byte-reader.ts';
import { blobBody } from './blob-body.ts';
import type { CallScope } from './call-scope.ts';
import { encodingsOf } from './content-encoding.ts';
import { type ContentRange, parseContentRange, parseLength } from './content-range.ts';
import { isDoubtful, settleDoubt } from './doubtful-blob.ts';
import type { Endpoint, EndpointResponse, EndpointRequest } from './endpoint.ts';
import { headerText } from './transport.ts';
import type { ResolvedBlob, UpstreamBlob } from './upstream.ts';

export interface BlobCall {
  readonly repository: string;
  readonly digest: Digest;
  readonly scope: CallScope;
}

export interface OpenBlobCall extends BlobCall {
  readonly start: number;
  /** Exclusive. Absent for all bytes to the end. */
  readonly end: number | undefined;
  readonly onBytes: (bytes: number) => void;
}

/** Redirect targets whose signature covers the method refuse `HEAD`; others do not implement it. */
const HEAD_REFUSED = new Set([400, 403, 405, 501]);

/**
 * By `HEAD`; by a `GET` of the first byte where a redirect target does not accept it, or sends no length. A blob that is sent
 * encoded, or as HTML, is read to its end: nothing else shows its size.
 *
 * @throws {UpstreamError} `protocol` when the response cannot be the blob
 */
export async function resolveBlob(endpoint: Endpoint, call: BlobCall): Promise<ResolvedBlob> {
  const { scope } = call;
  const size = await endpoint.call(blobRequest('HEAD', call), scope, async (response) => {
    const refused = HEAD_REFUSED.has(response.status) && (response.isForeign || response.status !== 403);
    if (response.status !== 200 && !refused) throw await endpoint.failure(response, scope);
    response.body.drain();
    const length = wholeLength(response);
    return response.status === 200 && !isDoubtful(response) && canHave(call.digest, length) ? length : undefined;
  });
  return size === undefined ? resolveByGet(endpoint, call) : { size };
}

function resolveByGet(endpoint: Endpoint, call: BlobCall): Promise<ResolvedBlob> {
  const { scope } = call;
  return endpoint.call<ResolvedBlob>(blobRequest('GET', call, 'bytes=0-0'), scope, async (response) => {
    if ((response.status === 200 || response.status === 206) && isDoubtful(response))
      return resolveWhole(endpoint, response, call);
    const { status, headers, body } = response;
    // An empty blob has no first byte: RFC 9110 section 14.4 puts its size as `*/0`.
    const isEmpty = status === 416 && headerText(headers, 'content-range')?.trim() === 'bytes */0';
    if (status !== 200 && status !== 206 && !isEmpty) throw await endpoint.failure(response, scope);
    body.close();
    const size = status === 206 ? parseContentRange(headerText(headers, 'content-range'))?.size : wholeLength(response);
    if (isEmpty || size === 0) assertCanBeEmpty(endpoint, response, call.digest);
    return { size: isEmpty ? 0 : size };
  });
}

async function resolveWhole(endpoint: Endpoint, response: EndpointResponse, call: BlobCall): Promise<ResolvedBlob> {
  if (response.status === 206) {
    const part = parseContentRange(headerText(response.headers, 'content-range'));
    if (part?.size !== undefined && !isEncoded(response)) {
      response.body.drain();
      return { size: part.size };
    }
  }
  const whole = await openDoubtful(endpoint, response, { ...call, start: 0, end: undefined, onBytes: () => undefined });
  if (whole.size !== undefined) {
    whole.body.close();
    return { size: whole.size };
  }
  return { size: await countBytes(whole.body) };
}

/** The scope is closed when the body is. @throws {UpstreamError} */
export async function openBlob(endpoint: Endpoint, call: OpenBlobCall): Promise<UpstreamBlob> {
  const { scope, start, end } = call;
  const range = start > 0 || end !== undefined ? `bytes=${start}-${end === undefined ? '' : end - 1}` : undefined;
  const request: EndpointRequest = { ...blobRequest('GET', call, range), judgesBody: true };
  return endpoint.call(request, scope, async (response) => {
    if (response.status !== 200 && response.status !== 206) throw await openFailure(endpoint, response, scope);
    if (isDoubtful(response) && (response.status === 200 || isEncoded(response)))
      return openDoubtful(endpoint, response, call);
    const extent = response.status === 206 ? readExtent(endpoint, response, call) : wholeExtent(response);
    if (extent.size === 0) assertCanBeEmpty(endpoint, response, call.digest);
    scope.endDeadline();
    const { upstream } = endpoint;
    const { onBytes } = call;
    const body = blobBody(response, { upstream, scope, expected: extent.length, onBytes });
    return { size: extent.size, start: extent.start, body };
  });
}

/** A range of an encoded body is not a range of the blob, so the whole blob is requested. */
async function openDoubtful(endpoint: Endpoint, response: EndpointResponse, call: OpenBlobCall): Promise<UpstreamBlob> {
  const { upstream } = endpoint;
  const { scope, start, end, onBytes } = call;
  if (response.status === 206) {
    response.body.drain();
    return endpoint.call({ ...blobRequest('GET', call), judgesBody: true }, scope, async (whole) => {
      if (whole.status !== 200) throw await endpoint.failure(whole, scope);
      return isDoubtful(whole)
        ? openDoubtful(endpoint, whole, call)
        : openStream(endpoint, whole, { call, body: whole.body });
    });
  }
  const settled = await settleDoubt(endpoint, response, call);
  if (settled.kind === 'stream') return openStream(endpoint, response, { call, body: settled.body });
  const { bytes } = settled;
  onBytes(bytes.length);
  scope.endDeadline();
  const from = Math.min(start, bytes.length);
  const part = bytes.subarray(from, end);
  const body = blobBody(
    { ...response, body: ChunkReader.of(Readable.from([part])) },
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

function wholeExtent(response: EndpointResponse): Extent {
  const length = wholeLength(response);
  return { start: 0, length, size: length };
}

/** @throws {UpstreamError} `protocol` when it is not the requested range */
function readExtent(endpoint: Endpoint, response: EndpointResponse, call: OpenBlobCall): Extent {
  const header = headerText(response.headers, 'content-range');
  const range = parseContentRange(header);
  const length = parseLength(headerText(response.headers, 'content-length'));
  if (range && isRequested(range, call) && (length === undefined || length === range.end - range.start)) {
    return { start: range.start, length: range.end - range.start, size: range.size };
  }
  response.body.close();
  const wanted = `bytes ${call.start}-${call.end === undefined ? '' : call.end - 1}`;
  const got = (header ?? 'no Content-Range').slice(0, 100);
  throw endpoint.protocolError(`${response.url.host} returned ${got} for a request of ${wanted}`, 206);
}

/** It must have the requested start and, where the size is known, the requested end: a shorter one would look complete. */
function isRequested({ start, end, size }: ContentRange, call: OpenBlobCall): boolean {
  if (start !== call.start) return false;
  const last = Math.min(call.end ?? Infinity, size ?? Infinity);
  return last === Infinity || end === last;
}

async function openFailure(endpoint: Endpoint, response: EndpointResponse, scope: CallScope) {
  if (response.status !== 416) return endpoint.failure(response, scope);
  response.body.drain();
  const range = (headerText(response.headers, 'content-range') ?? 'no Content-Range').slice(0, 100);
  return endpoint.protocolError(`416 from ${response.url.host}: the blob has no such range (${range})`, 416);
}

/** The size is known only when the body is the received one, without decoding. */
function openStream(
  endpoint: Endpoint,
  response: EndpointResponse,
  { call, body }: { readonly call: OpenBlobCall; readonly body: ByteReader },
): UpstreamBlob {
  const { scope, onBytes } = call;
  const size = body === response.body ? wholeLength(response) : undefined;
  scope.endDeadline();
  const { upstream } = endpoint;
  return { size, start: 0, body: blobBody({ ...response, body }, { upstream, scope, expected: size, onBytes }) };
}

/** Only one digest per algorithm is that of no bytes. An empty response for another one would be complete before it could be verified. */
function canHave(digest: Digest, size: number | undefined): boolean {
  return size !== 0 || digestOf(Buffer.alloc(0), digestAlgorithm(digest)) === digest;
}

/** @throws {UpstreamError} `protocol` when it cannot; the body is destroyed then */
function assertCanBeEmpty(endpoint: Endpoint, { url, status, body }: EndpointResponse, digest: Digest): void {
  if (canHave(digest, 0)) return;
  body.close();
  throw endpoint.protocolError(`${url.host} sent no bytes for ${digest}`, status);
}

function isEncoded(response: EndpointResponse): boolean {
  return encodingsOf(response).length > 0;
}

function wholeLength({ headers }: EndpointResponse): number | undefined {
  return parseLength(headerText(headers, 'content-length'));
}

function blobRequest(method: 'GET' | 'HEAD', { repository, digest }: BlobCall, range?: string): EndpointRequest {
  const headers = { accept: '*/*', ...(range !== undefined && { range }) };
  return { method, repository, path: `blobs/${digest}`, operation: 'blob', headers };
}
