import type { IncomingMessage } from 'node:http';

import { RegistryError } from '../../oci/errors.ts';

/** What the storage gives back as a manifest; nobody is served by more. Bytes. */
const MOST = 64 * 1024 * 1024;
/** Clients that close the connection behind their request read the answer only when all of it is taken: up to so many times the limit. */
const PATIENCE = 8;

/**
 * The whole body of a request.
 *
 * @param limit bytes; 0: as many as a manifest can have at all
 * @throws {RegistryError} `MANIFEST_INVALID` with status 413 when it is larger; nothing of it is kept
 */
export async function readBody(req: IncomingMessage, limit: number): Promise<Buffer> {
  const maxBytes = Math.min(limit || MOST, MOST);
  if (Number(req.headers['content-length'] ?? 0) > PATIENCE * maxBytes) throw tooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  // Not destroyed when it is left: the client is to read why.
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
