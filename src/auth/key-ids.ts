import { createHash, type JsonWebKey, type KeyObject } from 'node:crypto';

/** Members of each kind of key, in the order of the thumbprint. RFC 7638, section 3.2; RFC 8037, section 2. */
const MEMBERS: Readonly<Record<string, readonly (keyof JsonWebKey)[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
  oct: ['k', 'kty'],
};

/** @returns undefined for a kind of key without a thumbprint */
export function thumbprintOf(key: KeyObject): string | undefined {
  const jwk = key.export({ format: 'jwk' });
  const members = MEMBERS[jwk.kty ?? ''];
  if (!members) return undefined;
  const canonical = JSON.stringify(Object.fromEntries(members.map((member) => [member, jwk[member]])));
  return createHash('sha256').update(canonical).digest('base64url');
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * The key id used by token servers that were written for registry 2: `PYYO:TEWU:…`.
 *
 * @see https://github.com/distribution/distribution/blob/v2.8.3/docs/spec/auth/jwt.md
 */
export function libtrustIdOf(key: KeyObject): string {
  const hash = createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest();
  const bits = [...hash.subarray(0, 30)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const text = (bits.match(/.{5}/g) ?? []).map((five) => BASE32[Number.parseInt(five, 2)]).join('');
  return text.match(/.{4}/g)?.join(':') ?? '';
}
