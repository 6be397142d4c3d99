import type { Hash } from 'node:crypto';

import { type Digest, digestAlgorithm, digestFromHash } from '../oci/digest.ts';

/** The bytes are not what their digest says. */
export class DigestMismatchError extends Error {
  override readonly name = 'DigestMismatchError';

  constructor(expected: Digest, actual: Digest) {
    super(`expected ${expected}, got ${actual}`);
  }
}

/**
 * Passes bytes through, the last chunk only once all of them have proven to be right.
 *
 * @param hash has seen the bytes before the first chunk
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
