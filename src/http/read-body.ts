import type { IncomingMessage } from 'node:http';

import { RegistryError } from '../oci/errors.ts';

/** Clients that close the connection behind their request read the answer only when all of it is taken: up to so many times the limit. */
const PATIENCE = 8;

/**
 * The whole body of a request.
 *
 * @throws {RegistryError} `MANIFEST_INVALID` with status 413 when it is larger; nothing of it is kept
 */
export async function readBody(req: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(req.headers['content-length'] ?? 0) > PATIENCE * maxBytes) throw tooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
    if (size > PATIENCE * maxBytes) break;
  }
  if (size > maxBytes) throw tooLarge(maxBytes);
  return Buffer.concat(chunks);
}

/** Section "Pushing Manifests" of the distribution spec names the status. */
function tooLarge(maxBytes: number): RegistryError {
  return new RegistryError('MANIFEST_INVALID', `a manifest may have at most ${maxBytes} bytes`, { status: 413 });
}
