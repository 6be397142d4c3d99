import type { Hash } from 'node:crypto';

import { type Digest, digestAlgorithm, digestFromHash } from '../oci/digest.ts';

/** The bytes do not match their digest. */
export class DigestMismatchError extends Error {
  override readonly name = 'DigestMismatchError';

  constructor(expected: Digest, actual: Digest) {
    super(`expected ${expected}, got ${actual}`);
  }
}

/**
 * Passes chunks through, the last one only after the digest of all bytes is verified.
 *
 * @param chunks the remaining bytes; each chunk is valid only until the next one is requested
 * @param expected.hash already updated with the bytes before the first chunk
 * @param expected.length number of the remaining bytes
 * @throws {DigestMismatchError} instead of the last chunk, and when there are fewer or more bytes
 */
export async function* verifyDigest(
  chunks: AsyncIterable<Uint8Array>,
  { digest, hash, length }: { readonly digest: Digest; readonly hash: Hash; readonly length: number },
): AsyncGenerator<Uint8Array> {
  let received = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    received += chunk.length;
    if (received >= length) verify(hash, digest);
    yield chunk;
  }
  if (received < length || length === 0) verify(hash, digest);
}

function verify(hash: Hash, expected: Digest): void {
  const actual = digestFromHash(hash.copy(), digestAlgorithm(expected));
  if (actual !== expected) throw new DigestMismatchError(expected, actual);
}
