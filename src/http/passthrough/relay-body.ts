import type { IncomingMessage } from 'node:http';
import { Readable, Transform, type TransformCallback } from 'node:stream';

import { RegistryError } from '../../oci/errors.ts';
import type { WriteRequest } from '../../oci/write-request.ts';
import { isHttp2 } from '../listen/http2.ts';
import { readBody } from '../v2/read-body.ts';

export interface RelayLimits {
  /** 0: the largest manifest that storage returns. */
  readonly maxManifestBytes: number;
  /** 0: no limit. */
  readonly maxBlobBytes: number;
}

/** The body of a request to the upstream. */
export type RelayBody =
  /** Can be sent any number of times. */
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  /** Can be sent once. */
  | { readonly kind: 'stream'; readonly upload: CountedBytes };

/**
 * A manifest is read before it is sent, for retries and for events.
 *
 * @param state.size bytes of the blob that the upstream has
 * @throws {RegistryError} with status 413 for a body that is too large
 */
export async function relayBody(
  req: IncomingMessage,
  request: WriteRequest,
  { size, limits }: { readonly size: number; readonly limits: RelayLimits },
): Promise<RelayBody> {
  if (request.kind === 'put-manifest') return { kind: 'bytes', bytes: await readBody(req, limits.maxManifestBytes) };
  if (!mayHaveBody(req, request)) return { kind: 'bytes', bytes: Buffer.alloc(0) };
  const { maxBlobBytes } = limits;
  const remaining = maxBlobBytes === 0 ? Number.POSITIVE_INFINITY : maxBlobBytes - size;
  const tooLong = new RegistryError('SIZE_INVALID', `a blob may have at most ${maxBlobBytes} bytes`, { status: 413 });
  if (Number(req.headers['content-length'] ?? 0) > remaining) throw tooLong;
  return { kind: 'stream', upload: new CountedBytes(remaining, tooLong) };
}

export function isTooLong(err: unknown): boolean {
  return err instanceof RegistryError && err.status === 413;
}

export function streamOf(req: IncomingMessage, body: RelayBody): Readable {
  if (body.kind === 'stream') return req.pipe(body.upload);
  return Readable.from(body.bytes.length === 0 ? [] : [body.bytes]);
}

/** Without either header a request has no body: RFC 9112, section 6.3. A stream of HTTP/2 has one where it makes sense. */
function mayHaveBody(req: IncomingMessage, request: WriteRequest): boolean {
  const length = req.headers['content-length'];
  if (length !== undefined) return Number(length) > 0;
  if (!isHttp2(req)) return req.headers['transfer-encoding'] !== undefined;
  if (request.kind === 'start-upload') return request.digest !== undefined;
  return request.kind === 'append-upload' || request.kind === 'finish-upload';
}

/** Passes bytes on up to a limit, and fails with the error above it. */
export class CountedBytes extends Transform {
  /** Bytes received. */
  count = 0;
  readonly #limit: number;
  readonly #tooLong: RegistryError;

  constructor(limit: number, tooLong: RegistryError) {
    super();
    this.#limit = limit;
    this.#tooLong = tooLong;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.count += chunk.length;
    if (this.count > this.#limit) done(this.#tooLong);
    else done(null, chunk);
  }
}
