import type { Digest } from '../oci/digest.ts';
import { blobBody } from './blob-body.ts';
import type { CallScope } from './call-scope.ts';
import { type ContentRange, parseContentRange, parseLength } from './content-range.ts';
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
 * By `HEAD`; by a `GET` of the first byte where a redirect target does not take it, or where it has no length.
 *
 * @throws {UpstreamError} `protocol` when the size cannot be found out
 */
export async function resolveBlob(endpoint: Endpoint, call: BlobCall): Promise<ResolvedBlob> {
  const { scope } = call;
  const size = await endpoint.call(blobRequest('HEAD', call), scope, async (answer) => {
    const refused = HEAD_REFUSED.has(answer.status) && (answer.isForeign || answer.status !== 403);
    if (answer.status !== 200 && !refused) throw await endpoint.failure(answer, scope);
    drain(answer.body);
    return answer.status === 200 ? wholeLength(answer) : undefined;
  });
  return size === undefined ? resolveByGet(endpoint, call) : { size };
}

function resolveByGet(endpoint: Endpoint, call: BlobCall): Promise<ResolvedBlob> {
  const { scope } = call;
  return endpoint.call(blobRequest('GET', call, 'bytes=0-0'), scope, async (answer) => {
    const { status, headers, body } = answer;
    // An empty blob has no first byte: RFC 9110 section 14.4 puts its size as `*/0`.
    const isEmpty = status === 416 && headerText(headers, 'content-range')?.trim() === 'bytes */0';
    if (status !== 200 && status !== 206 && !isEmpty) throw await endpoint.failure(answer, scope);
    body.on('error', () => undefined).destroy();
    const size = status === 206 ? parseContentRange(headerText(headers, 'content-range'))?.size : wholeLength(answer);
    if (isEmpty) return { size: 0 };
    if (size === undefined)
      throw endpoint.protocolError(`${answer.url.host} does not say how large the blob is`, status);
    return { size };
  });
}

/** The scope is closed when the body is. @throws {UpstreamError} */
export async function openBlob(endpoint: Endpoint, call: OpenBlobCall): Promise<UpstreamBlob> {
  const { scope, start, end } = call;
  const range = start > 0 || end !== undefined ? `bytes=${start}-${end === undefined ? '' : end - 1}` : undefined;
  const request: EndpointRequest = { ...blobRequest('GET', call, range), judgesBody: true };
  return endpoint.call(request, scope, async (answer) => {
    if (answer.status !== 200 && answer.status !== 206) throw await openFailure(endpoint, answer, scope);
    const extent = answer.status === 206 ? readExtent(endpoint, answer, call) : wholeExtent(answer);
    scope.endDeadline();
    const { upstream } = endpoint;
    const { onBytes } = call;
    const body = blobBody(answer, { upstream, scope, expected: extent.length, onBytes });
    return { size: extent.size, start: extent.start, body };
  });
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

/** An encoded length is not the blob's. */
function wholeLength({ headers }: EndpointAnswer): number | undefined {
  if (headerText(headers, 'content-encoding') !== undefined) return undefined;
  return parseLength(headerText(headers, 'content-length'));
}

function blobRequest(method: 'GET' | 'HEAD', { repository, digest }: BlobCall, range?: string): EndpointRequest {
  const headers = { accept: '*/*', ...(range !== undefined && { range }) };
  return { method, repository, path: `blobs/${digest}`, operation: 'blob', headers };
}
