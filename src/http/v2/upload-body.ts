import type { IncomingMessage } from 'node:http';

import { RegistryError } from '../../oci/errors.ts';
import type { UploadBody } from '../../registry/registry.ts';

/** As the distribution spec has it; and as RFC 9110 would, which some clients take for the same. */
const CONTENT_RANGE = /^(?:bytes[ =])?\s*(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/i;

/**
 * The piece of a blob that a request carries. Where it belongs is looked at before its length, so that a client that is wrong about both
 * learns where to go on.
 *
 * @param findSize bytes that the session has
 * @throws {RegistryError} `RANGE_INVALID` for a `Content-Range` that is none, or does not come next; `SIZE_INVALID` when it does not fit the
 *   `Content-Length`; what `findSize` throws
 */
export async function requestBody(req: IncomingMessage, findSize: () => Promise<number>): Promise<UploadBody> {
  const said = req.headers['content-length'];
  const length = said === undefined ? undefined : Number(said);
  const range = parseContentRange(req.headers['content-range']);
  // Not to be destroyed when reading stops early: the answer goes out by the same connection.
  const bytes = { [Symbol.asyncIterator]: () => req.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array> };
  if (!range) return { bytes, offset: undefined, length: length ?? (hasBody(req) ? undefined : 0) };
  const ranged = range.end - range.start;
  if (length !== undefined && length !== ranged) {
    const size = await findSize();
    if (range.start !== size) throw outOfOrder(range.start, size);
    throw new RegistryError('SIZE_INVALID', `Content-Range is of ${ranged} bytes, Content-Length ${length}`);
  }
  return { bytes, offset: range.start, length: ranged };
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
  throw new RegistryError('RANGE_INVALID', `not a range of bytes: ${JSON.stringify(header.slice(0, 100))}`);
}
