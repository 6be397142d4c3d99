import type { Readable } from 'node:stream';

import type { CallScope } from './call-scope.ts';
import type { Endpoint, EndpointResponse } from './endpoint.ts';
import { drain, headerText } from './transport.ts';
import { uploadLocation } from './upload-location.ts';

/** Of answers that a registry may first have to hash, or copy, gigabytes for. Milliseconds. */
const SLOW_RESPONSE_MS = 600_000;

/** An upload as the registry knows it: where it goes on, and how much it has. */
export interface UploadSession {
  readonly url: URL;
  /** Bytes. */
  readonly offset: number;
}

export interface UploadTarget {
  readonly endpoint: Endpoint;
  /** See {@link EndpointWrite.purpose}. */
  readonly purpose: string;
  /** See {@link EndpointWrite.scopes}. */
  readonly scopes: string;
  readonly scope: CallScope;
}

export interface UploadPiece {
  readonly offset: number;
  /** Bytes of the whole blob. */
  readonly size: number;
  /** The bytes from `offset` to the end. */
  readonly body: () => Readable;
}

/**
 * Sends the rest of a blob as one stream, as docker does it.
 *
 * @throws {UpstreamError}
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks
 */
export async function appendRest(
  target: UploadTarget,
  session: UploadSession,
  piece: UploadPiece,
): Promise<UploadSession> {
  const { offset, size, body } = piece;
  const headers = {
    'content-type': 'application/octet-stream',
    'content-length': String(size - offset),
    ...(offset > 0 && { 'content-range': `${offset}-${size - 1}` }),
  };
  const response = await write(target, { method: 'PATCH', url: session.url, headers, body });
  await expectStatus(target, response, [201, 202, 204]);
  return { url: locationOf(target.endpoint, response, session.url), offset: size };
}

/** @throws {UpstreamError} */
export async function finishUpload(target: UploadTarget, session: UploadSession, digest: string): Promise<void> {
  const url = new URL(session.url);
  url.searchParams.set('digest', digest);
  const headers = { 'content-type': 'application/octet-stream', 'content-length': '0' };
  await expectStatus(target, await write(target, { method: 'PUT', url, headers }), [201, 204]);
}

/** How far an upload is; undefined when it cannot go on, or nothing of it is there. @throws {UpstreamError} */
export async function findUpload(target: UploadTarget, { url }: UploadSession): Promise<UploadSession | undefined> {
  const response = await write(target, { method: 'GET', url, headers: {} });
  drain(response.body);
  // `0-0` is how registries write nothing as well as one byte.
  const [, last = '0'] = /^(?:bytes=)?0-(\d{1,15})$/.exec(headerText(response.headers, 'range')?.trim() ?? '') ?? [];
  if (response.status !== 204 || last === '0') return undefined;
  return { url: locationOf(target.endpoint, response, url), offset: Number(last) + 1 };
}

/** Fails for nobody: the registry forgets uploads by itself, after some days. */
export async function cancelUpload(target: UploadTarget, { url }: UploadSession): Promise<void> {
  await write(target, { method: 'DELETE', url, headers: {} }).then(
    ({ body }) => drain(body),
    () => undefined,
  );
}

/** Drains what was expected; turns anything else into an error. @throws {UpstreamError} */
export async function expectStatus(
  target: UploadTarget,
  response: EndpointResponse,
  expected: readonly number[],
): Promise<void> {
  if (!expected.includes(response.status)) throw await target.endpoint.failure(response, target.scope);
  drain(response.body);
}

export function write(
  { endpoint, purpose, scopes, scope }: UploadTarget,
  request: Pick<Parameters<Endpoint['write']>[0], 'method' | 'url' | 'headers' | 'body'>,
): Promise<EndpointResponse> {
  return endpoint.write({ ...request, purpose, scopes, headersMs: SLOW_RESPONSE_MS }, scope);
}

/** @throws {UpstreamError} as {@link uploadLocation} */
export function locationOf({ base, upstream }: Endpoint, { headers, status }: EndpointResponse, from: URL): URL {
  return uploadLocation(headerText(headers, 'location'), { upstream, base, from, status });
}
