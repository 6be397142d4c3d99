import { Readable } from 'node:stream';

import type { Digest } from '../oci/digest.ts';
import { type Reference, referenceText } from '../oci/reference.ts';
import type { CallScope } from './call-scope.ts';
import type { Endpoint, EndpointResponse, EndpointWrite } from './endpoint.ts';
import { headerText } from './transport.ts';
import { uploadLocation } from './upload-location.ts';
import { UpstreamError } from './upstream.ts';

export interface WriteTarget {
  readonly endpoint: Endpoint;
  readonly repository: string;
  /** Repository of the same registry that a blob is mounted from; absent when nothing is mounted. */
  readonly mountFrom?: string | undefined;
  readonly scope: CallScope;
}

/** An upload session as the registry knows it. */
export interface RemoteUpload {
  /** Where it continues. */
  readonly url: URL;
  /** Bytes that the registry has. */
  readonly size: number;
}

/** Bytes that can be sent once. */
export interface WriteBody {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Absent when it is not known. */
  readonly length: number | undefined;
}

/** Time until the headers of a response: the registry may first hash or copy gigabytes. Milliseconds. */
const SLOW_RESPONSE_MS = 600_000;
/** Bytes that are read ahead of the connection. */
const READ_AHEAD = 256 * 1024;
const OCTET_STREAM = { 'content-type': 'application/octet-stream' };

/**
 * Starts an upload; with `mount`, requests that the registry links that blob instead.
 *
 * @returns undefined when the blob was mounted
 * @throws {UpstreamError}
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#mounting-a-blob-from-another-repository
 */
export async function startUpload(target: WriteTarget, mount?: Digest): Promise<RemoteUpload | undefined> {
  const { endpoint, repository, mountFrom } = target;
  const url = endpoint.url(repository, 'blobs/uploads/');
  if (mount !== undefined) url.searchParams.set('mount', mount);
  if (mountFrom !== undefined) url.searchParams.set('from', mountFrom);
  const response = await push(target, { method: 'POST', url, headers: { 'content-length': '0' } });
  await expectStatus(target, response, [201, 202]);
  return response.status === 201 ? undefined : { url: locationOf(endpoint, response, url), size: 0 };
}

/**
 * Sends the next bytes of a blob.
 *
 * @throws {UpstreamError} `unauthorized` when the credentials were refused after the body had begun
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks
 */
export async function appendToUpload(
  target: WriteTarget,
  { url, size }: RemoteUpload,
  { bytes, length }: WriteBody,
): Promise<RemoteUpload> {
  const counted = new CountedBody(bytes);
  const headers = { ...OCTET_STREAM, ...lengthHeader(length), ...rangeHeader(size, length) };
  const body = counted.once(target.endpoint.upstream);
  const response = await push(target, { method: 'PATCH', url, headers, body });
  await expectStatus(target, response, [201, 202, 204]);
  return { url: locationOf(target.endpoint, response, url), size: size + counted.count };
}

/**
 * Ends an upload, with its last bytes if there are any.
 *
 * @returns bytes of the blob
 * @throws {UpstreamError} as {@link appendToUpload}
 */
export async function finishUpload(
  target: WriteTarget,
  upload: RemoteUpload,
  { digest, bytes, length }: WriteBody & { readonly digest: Digest },
): Promise<number> {
  const url = new URL(upload.url);
  url.searchParams.set('digest', digest);
  const counted = new CountedBody(bytes);
  const body = length === 0 ? {} : { body: counted.once(target.endpoint.upstream) };
  const headers = { ...OCTET_STREAM, ...lengthHeader(length), ...rangeHeader(upload.size, length) };
  await expectStatus(target, await push(target, { method: 'PUT', url, headers, ...body }), [201, 204]);
  return upload.size + counted.count;
}

/**
 * How many bytes of an upload the registry has. `size` is 0 also when it has one byte: registries report both as `0-0`.
 *
 * @throws {UpstreamError} `not-found` when the session has ended
 */
export async function findUpload(target: WriteTarget, { url }: Pick<RemoteUpload, 'url'>): Promise<RemoteUpload> {
  const response = await push(target, { method: 'GET', url, headers: {} });
  await expectStatus(target, response, [204]);
  const range = headerText(response.headers, 'range')?.trim() ?? '';
  const [, last = '0'] = /^(?:bytes=)?0-(\d{1,15})$/.exec(range) ?? [];
  const isMoved = headerText(response.headers, 'location') !== undefined;
  return {
    url: isMoved ? locationOf(target.endpoint, response, url) : url,
    size: last === '0' ? 0 : Number(last) + 1,
  };
}

/** @throws {UpstreamError} */
export async function cancelUpload(target: WriteTarget, { url }: Pick<RemoteUpload, 'url'>): Promise<void> {
  await expectStatus(target, await push(target, { method: 'DELETE', url, headers: {} }), [200, 202, 204]);
}

/**
 * @returns the digest of the subject, when the registry has added the manifest to its referrers
 * @throws {UpstreamError}
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
 */
export async function putManifest(
  target: WriteTarget,
  reference: Reference,
  { mediaType, bytes }: { readonly mediaType: string; readonly bytes: Uint8Array },
): Promise<string | undefined> {
  const url = target.endpoint.url(target.repository, `manifests/${referenceText(reference)}`);
  const response = await push(target, {
    method: 'PUT',
    url,
    headers: { 'content-type': mediaType },
    body: () => bytes,
  });
  await expectStatus(target, response, [200, 201, 202, 204]);
  return headerText(response.headers, 'oci-subject');
}

/**
 * @param path below the repository, such as `blobs/sha256:…`
 * @throws {UpstreamError}
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#content-management
 */
export async function deleteContent(target: WriteTarget, path: string): Promise<void> {
  const { endpoint, repository, scope } = target;
  const scopes = `repository:${repository}:delete`;
  const request = { method: 'DELETE', url: endpoint.url(repository, path), operation: 'delete', headers: {} } as const;
  const response = await endpoint.write({ ...request, purpose: scopes, scopes, headersMs: SLOW_RESPONSE_MS }, scope);
  await expectStatus(target, response, [200, 202, 204]);
}

/** Counts bytes as they are sent. */
class CountedBody {
  readonly #bytes: AsyncIterable<Uint8Array>;
  #isSent = false;
  count = 0;

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#bytes = bytes;
  }

  /** Called again when the registry refuses the credentials and there are others: by then the bytes are gone. */
  once(upstream: string): () => Readable {
    return () => {
      if (this.#isSent) {
        const message = `${upstream}: refused the credentials after the body had begun`;
        throw new UpstreamError('unauthorized', message, { upstream, status: 401 });
      }
      this.#isSent = true;
      return Readable.from(this.#copies(), { objectMode: false, highWaterMark: READ_AHEAD });
    };
  }

  /** A source may use the buffer of a chunk again as soon as the next one is requested. */
  async *#copies(): AsyncGenerator<Buffer> {
    for await (const chunk of this.#bytes) {
      this.count += chunk.length;
      yield Buffer.from(chunk);
    }
  }
}

function lengthHeader(length: number | undefined): Readonly<Record<string, string>> {
  return length === undefined ? {} : { 'content-length': String(length) };
}

function rangeHeader(start: number, length: number | undefined): Readonly<Record<string, string>> {
  return start > 0 && length !== undefined && length > 0 ? { 'content-range': `${start}-${start + length - 1}` } : {};
}

function push(
  { endpoint, repository, mountFrom, scope }: WriteTarget,
  request: Pick<EndpointWrite, 'method' | 'url' | 'headers' | 'body'>,
): Promise<EndpointResponse> {
  const mounted = mountFrom === undefined ? '' : ` repository:${mountFrom}:pull`;
  const scopes = `repository:${repository}:pull,push${mounted}`;
  return endpoint.write(
    { ...request, operation: 'push', purpose: `push ${scopes}`, scopes, headersMs: SLOW_RESPONSE_MS },
    scope,
  );
}

/** Drains the expected response; turns any other into an error. @throws {UpstreamError} */
async function expectStatus(
  { endpoint, scope }: WriteTarget,
  response: EndpointResponse,
  expected: readonly number[],
): Promise<void> {
  if (!expected.includes(response.status)) throw await endpoint.failure(response, scope);
  response.body.drain();
}

/** @throws {UpstreamError} as {@link uploadLocation} */
function locationOf({ base, upstream }: Endpoint, { headers, status }: EndpointResponse, from: URL): URL {
  return uploadLocation(headerText(headers, 'location'), { upstream, base, from, status });
}
