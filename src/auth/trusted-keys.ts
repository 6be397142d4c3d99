import { createPublicKey, createSecretKey, type JsonWebKey, type KeyObject, type X509Certificate } from 'node:crypto';

import { parseCertificates } from './certificate-chain.ts';
import { libtrustIdOf, thumbprintOf } from './key-ids.ts';

export interface TrustedKey {
  readonly key: KeyObject;
  /** The only algorithm that it may be used with. Absent when any of its kind is allowed. */
  readonly algorithm: string | undefined;
}

/** Keys that tokens may be signed with, each under all its ids. */
export interface TrustedKeys {
  readonly byId: ReadonlyMap<string, TrustedKey>;
  /** Tokens with a certificate chain that ends at one of these are accepted as well. */
  readonly certificates: readonly X509Certificate[];
}

export const NO_KEYS: TrustedKeys = { byId: new Map(), certificates: [] };

/** @throws {Error} when there is no certificate, or one cannot be read */
export function parseBundle(pem: string): TrustedKeys {
  const certificates = parseCertificates(pem);
  if (certificates.length === 0) throw new Error('no certificate found');
  const byId = new Map<string, TrustedKey>();
  for (const { publicKey } of certificates) {
    for (const id of [thumbprintOf(publicKey), libtrustIdOf(publicKey)]) {
      if (id !== undefined) byId.set(id, { key: publicKey, algorithm: undefined });
    }
  }
  return { byId, certificates };
}

interface Jwk extends JsonWebKey {
  readonly kid?: unknown;
  readonly use?: unknown;
  readonly alg?: unknown;
  readonly key_ops?: unknown;
}

/**
 * A JSON web key set (RFC 7517). Keys for other uses or of unknown kinds are skipped, as section 5 requires.
 *
 * @throws {Error} when it is not a key set, or has no key for signatures
 */
export function parseJwks(text: string): TrustedKeys {
  const byId = new Map<string, TrustedKey>();
  for (const jwk of keysOf(text)) {
    const trusted = toKey(jwk);
    if (trusted === undefined) continue;
    const thumbprint = thumbprintOf(trusted.key);
    if (thumbprint !== undefined) byId.set(thumbprint, trusted);
    if (typeof jwk.kid === 'string' && jwk.kid !== '') byId.set(jwk.kid, trusted);
  }
  if (byId.size === 0) throw new Error('no key for signatures found');
  return { byId, certificates: [] };
}

function keysOf(text: string): readonly Jwk[] {
  const keys = (parseJson(text) as { readonly keys?: unknown } | null)?.keys;
  if (Array.isArray(keys)) return keys.filter((key) => typeof key === 'object' && key !== null) as Jwk[];
  throw new Error('not a JSON web key set');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('not JSON'); // its own message would repeat a part of the file
  }
}

function toKey(jwk: Jwk): TrustedKey | undefined {
  const isForSignatures = jwk.use === undefined || jwk.use === 'sig';
  const mayVerify = !Array.isArray(jwk.key_ops) || jwk.key_ops.includes('verify');
  if (!isForSignatures || !mayVerify) return undefined;
  const algorithm = typeof jwk.alg === 'string' ? jwk.alg : undefined;
  try {
    return { key: importKey(jwk), algorithm };
  } catch {
    return undefined; // unknown kind or curve
  }
}

function importKey(jwk: Jwk): KeyObject {
  if (jwk.kty === 'oct') return createSecretKey(Buffer.from(String(jwk.k), 'base64url'));
  return createPublicKey({ key: jwk, format: 'jwk' });
}

/** @returns undefined when it is not a public key */
export function importPublicJwk(jwk: object): KeyObject | undefined {
  const { kty } = jwk as Jwk;
  try {
    return kty === 'oct' ? undefined : createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
  } catch {
    return undefined;
  }
}

export function joinKeys(sets: readonly TrustedKeys[]): TrustedKeys {
  return {
    byId: new Map(sets.flatMap(({ byId }) => [...byId])),
    certificates: sets.flatMap(({ certificates }) => certificates),
  };
}
