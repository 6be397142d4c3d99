import { createHash, type Hash } from 'node:crypto';

import { RegistryError } from './errors.ts';

/** A content address such as `sha256:6c3c…`. Only this file makes one. */
export type Digest = string & { readonly __brand: 'Digest' };

const HEX_LENGTH = { sha256: 64, sha512: 128 } as const;
export type DigestAlgorithm = keyof typeof HEX_LENGTH;

const LOWER_HEX = /^[0-9a-f]+$/;

/**
 * Parses a digest as written in a URL or a descriptor.
 *
 * @throws {RegistryError} `DIGEST_INVALID` when the text is not `<algorithm>:<lowercase hex>`
 *   with a known algorithm and the length that algorithm requires.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests
 */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw new RegistryError('DIGEST_INVALID', `not a digest: ${JSON.stringify(text.slice(0, 200))}`);
  return text;
}

export function isDigest(text: string): text is Digest {
  const colon = text.indexOf(':');
  const algorithm = text.slice(0, Math.max(colon, 0));
  if (algorithm !== 'sha256' && algorithm !== 'sha512') return false;
  const hex = text.slice(colon + 1);
  return hex.length === HEX_LENGTH[algorithm] && LOWER_HEX.test(hex);
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(':')) as DigestAlgorithm;
}

export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The digest of bytes already in memory. For streams keep a {@link Hash} and use {@link digestFromHash}. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return digestFromHash(createHash(algorithm).update(bytes), algorithm);
}

/** Ends the hash: it takes no more bytes afterwards. */
export function digestFromHash(hash: Hash, algorithm: DigestAlgorithm): Digest {
  return `${algorithm}:${hash.digest('hex')}` as Digest;
}
