import type { IncomingMessage } from 'node:http';

import { RegistryError } from '../../oci/errors.ts';

/** The largest manifest that storage returns. Bytes. */
const MAX_BYTES = 64 * 1024 * 1024;
/** A body of up to this many times the limit is read: clients with `Connection: close` read the response only after they sent it all. */
const MAX_EXCESS = 8;

/**
 * The whole body of a request.
 *
 * @param limit bytes; 0: the largest manifest that storage returns
 * @param tooLarge error for a larger body, given the limit. @default `MANIFEST_INVALID` with status 413
 * @throws {RegistryError} that error
 */
export async function readBody(req: IncomingMessage, limit: number, tooLarge = manifestTooLarge): Promise<Buffer> {
  const maxBytes = Math.min(limit || MAX_BYTES, MAX_BYTES);
  if (Number(req.headers['content-length'] ?? 0) > MAX_EXCESS * maxBytes) throw tooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  // The request stays open so that the client can read the response.
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
    if (size > MAX_EXCESS * maxBytes) break;
  }
  if (size > maxBytes) throw tooLarge(maxBytes);
  return Buffer.concat(chunks);
}

/** Section "Pushing Manifests" of the distribution spec names the status. */
function manifestTooLarge(maxBytes: number): RegistryError {
  return new RegistryError('MANIFEST_INVALID', `a manifest may have at most ${maxBytes} bytes`, { status: 413 });
}
