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
 * @param chunks the remaining bytes
 * @param expected.hash already updated with the bytes before the first chunk
 * @throws {DigestMismatchError} instead of the last chunk
 */
export async function* verifyDigest(
  chunks: AsyncIterable<Uint8Array>,
  { digest, hash }: { digest: Digest; hash: Hash },
): AsyncGenerator<Uint8Array> {
  let heldBack: Uint8Array | undefined;
  for await (const chunk of chunks) {
    if (heldBack) yield heldBack;
    hash.update(chunk);
    heldBack = chunk;
  }
  const actual = digestFromHash(hash, digestAlgorithm(digest));
  if (actual !== digest) throw new DigestMismatchError(digest, actual);
  if (heldBack) yield heldBack;
}
