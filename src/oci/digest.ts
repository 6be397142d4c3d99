import { createHash, type Hash } from 'node:crypto';

import { RegistryError } from './errors.ts';

/**
 * A valid digest such as `sha256:6c3c…`. Only the functions of this file return one, so no further check is needed.
 *
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests
 */
export type Digest = string & { readonly __brand: 'Digest' };

const HEX_LENGTH: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 };

/** The registered algorithms: `sha256`, `sha512`. */
export type DigestAlgorithm = 'sha256' | 'sha512';

const LOWER_HEX = /^[0-9a-f]+$/;

/**
 * Parses a digest from a URL or a descriptor.
 *
 * @throws {RegistryError} `DIGEST_INVALID` when the text is not `<algorithm>:<lowercase hex>`
 *   with a known algorithm and the length that algorithm requires.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests
 */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw new RegistryError('DIGEST_INVALID', `not a digest: ${JSON.stringify(text.slice(0, 200))}`);
  return text;
}

/** Like {@link parseDigest}, without an error: whether the text is a valid digest. */
export function isDigest(text: string): text is Digest {
  const colon = text.indexOf(':');
  const algorithm = text.slice(0, Math.max(colon, 0));
  if (algorithm !== 'sha256' && algorithm !== 'sha512') return false;
  const hex = text.slice(colon + 1);
  return hex.length === HEX_LENGTH[algorithm] && LOWER_HEX.test(hex);
}

/** The part before the colon. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(':')) as DigestAlgorithm;
}

/** The part after the colon, in lowercase hex. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The digest of bytes in memory. For a stream, update a `Hash` of `node:crypto` and use {@link digestFromHash}. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return digestFromHash(createHash(algorithm).update(bytes), algorithm);
}

/**
 * The digest of the bytes that a hash has seen. The hash cannot be updated afterwards.
 *
 * @param algorithm the one that `hash` was created with
 */
export function digestFromHash(hash: Hash, algorithm: DigestAlgorithm): Digest {
  return `${algorithm}:${hash.digest('hex')}` as Digest;
}
