import type { IncomingMessage } from 'node:http';

import { RegistryError } from '../../oci/errors.ts';
import type { UploadBody } from '../../registry/registry.ts';

/** The form of the distribution spec, and that of RFC 9110, which some clients send. */
const CONTENT_RANGE = /^(?:bytes[ =])?\s*(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/i;

/**
 * The chunk of a blob in a request. Its offset is checked before its length, so that a client that is wrong about both gets the right
 * offset.
 *
 * @param findSize bytes that the session has
 * @throws {RegistryError} `RANGE_INVALID` for a `Content-Range` that is malformed or does not come next; `SIZE_INVALID` when it does not
 *   match the `Content-Length`; the errors of `findSize`
 */
export async function requestBody(req: IncomingMessage, findSize: () => Promise<number>): Promise<UploadBody> {
  const header = req.headers['content-length'];
  const length = header === undefined ? undefined : Number(header);
  const range = parseContentRange(req.headers['content-range']);
  // The request stays open when reading stops early, so that the client can read the response.
  const bytes = { [Symbol.asyncIterator]: () => req.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array> };
  const body = { bytes, areChunksStable: true };
  if (!range) return { ...body, offset: undefined, length: length ?? (hasBody(req) ? undefined : 0) };
  const ranged = range.end - range.start;
  if (length !== undefined && length !== ranged) {
    const size = await findSize();
    if (range.start !== size) throw outOfOrder(range.start, size);
    throw new RegistryError('SIZE_INVALID', `Content-Range has ${ranged} bytes, Content-Length is ${length}`);
  }
  return { ...body, offset: range.start, length: ranged };
}

function outOfOrder(offset: number, size: number): RegistryError {
  return new RegistryError('RANGE_INVALID', `the next byte is ${size}, not ${offset}`, { detail: { offset, size } });
}

/** Without either header a request has no body: RFC 9112, section 6.3. */
function hasBody(req: IncomingMessage): boolean {
  return req.httpVersionMajor > 1 || req.headers['transfer-encoding'] !== undefined;
}

function parseContentRange(header: string | undefined): { readonly start: number; readonly end: number } | undefined {
  if (header === undefined || header === '') return undefined;
  const [, first, last] = CONTENT_RANGE.exec(header.trim()) ?? [];
  const [start, end] = [Number(first), Number(last) + 1];
  if (start < end) return { start, end };
  throw new RegistryError('RANGE_INVALID', `not a byte range: ${JSON.stringify(header.slice(0, 100))}`);
}
