import type { IncomingMessage } from 'node:http';

import { RegistryError } from '../oci/errors.ts';

/**
 * The whole body of a request.
 *
 * @param limit bytes; 0: none
 * @throws {RegistryError} `MANIFEST_INVALID` with status 413 when it is larger; what still comes is not kept
 */
export async function readBody(req: IncomingMessage, limit: number): Promise<Buffer> {
  const maxBytes = limit === 0 ? Infinity : limit;
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  // Not destroyed when it is left: the client is to read why.
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Section "Pushing Manifests" of the distribution spec names the status. */
function tooLarge(maxBytes: number): RegistryError {
  return new RegistryError('MANIFEST_INVALID', `a manifest may have at most ${maxBytes} bytes`, { status: 413 });
}
