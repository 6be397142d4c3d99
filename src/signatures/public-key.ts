import { createPublicKey, type KeyObject, verify } from 'node:crypto';

import { ImageError } from '../images/image-error.ts';

/** Hashes that signatures of a curve have: that of the curve since cosign 3, SHA-256 before. */
const CURVE_HASHES: Readonly<Record<string, readonly string[]>> = {
  prime256v1: ['sha256'],
  secp384r1: ['sha384', 'sha256'],
  secp521r1: ['sha512', 'sha256'],
};
const MIN_RSA_BITS = 2048;

/**
 * A public key that signatures are verified with: EC P-256, P-384 or P-521, RSA of at least 2048 bits, or Ed25519.
 *
 * @param origin for the message
 * @throws {ImageError}
 */
export function parseSigningKey(pem: string, origin: string): KeyObject {
  // A private key would be accepted as its public one.
  if (pem.includes('PRIVATE KEY')) throw new ImageError(`${origin}: a private key; give the public one`);
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw new ImageError(`${origin}: not a public key in PEM`, { cause });
  }
  if (isSupported(key)) return key;
  throw new ImageError(`${origin}: use a key of EC P-256, P-384 or P-521, RSA with 2048 bits or more, or Ed25519`);
}

function isSupported({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): boolean {
  if (type === 'ec') return (details?.namedCurve ?? '') in CURVE_HASHES;
  if (type === 'rsa') return (details?.modulusLength ?? 0) >= MIN_RSA_BITS;
  return type === 'ed25519';
}

/**
 * Whether the key has signed these bytes: ECDSA in DER, RSA in PKCS #1 v1.5 with SHA-256, Ed25519 or Ed25519ph.
 *
 * @see https://github.com/sigstore/architecture-docs/blob/main/algorithm-registry.md
 */
export async function isSignedBy(key: KeyObject, signed: Uint8Array, signature: Uint8Array): Promise<boolean> {
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return verify(null, signed, key, signature) || isPrehashed(key, signed, signature);
    case 'ec':
      return hashesOf(key).some((hash) => verify(hash, signed, key, signature));
    default:
      return verify('sha256', signed, key, signature);
  }
}

function hashesOf({ asymmetricKeyDetails: details }: KeyObject): readonly string[] {
  return CURVE_HASHES[details?.namedCurve ?? ''] ?? [];
}

/** Ed25519ph of RFC 8032, which Node does not have. */
async function isPrehashed(key: KeyObject, signed: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const { x } = key.export({ format: 'jwk' });
  if (x === undefined || signature.length !== 64) return false;
  const { ed25519ph } = await import('@noble/curves/ed25519.js');
  return ed25519ph.verify(signature, signed, Buffer.from(x, 'base64url'));
}
