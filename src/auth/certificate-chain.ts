import { type KeyObject, X509Certificate } from 'node:crypto';

/** Longer chains are rejected. */
const MAX_LENGTH = 10;

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** @throws {Error} when a certificate cannot be read */
export function parseCertificates(pem: string): X509Certificate[] {
  return (pem.match(PEM) ?? []).map((text) => new X509Certificate(text));
}

/**
 * The key of the first certificate of an `x5c` header (RFC 7515, section 4.1.6). Each certificate must be signed by the next, and the
 * last one must be trusted or signed by a trusted one.
 *
 * @param now Unix milliseconds
 * @returns undefined for a chain that is not trusted
 */
export function verifiedKey(x5c: unknown, trusted: readonly X509Certificate[], now: number): KeyObject | undefined {
  const chain = decode(x5c);
  const [leaf, ...above] = chain;
  if (leaf === undefined) return undefined;
  let current = leaf;
  for (const rest of [...above.keys(), above.length]) {
    if (!isCurrent(current, now)) return undefined;
    if (isTrusted(current, trusted, now)) return leaf.publicKey;
    const next = above[rest];
    if (next === undefined || !isIssuedBy(current, next)) return undefined;
    current = next;
  }
  return undefined;
}

function decode(x5c: unknown): X509Certificate[] {
  if (!Array.isArray(x5c) || x5c.length > MAX_LENGTH) return [];
  try {
    return x5c.map((der: unknown) => new X509Certificate(Buffer.from(String(der), 'base64')));
  } catch {
    return []; // not certificates
  }
}

function isTrusted(certificate: X509Certificate, trusted: readonly X509Certificate[], now: number): boolean {
  return trusted.some(
    (root) => root.raw.equals(certificate.raw) || (isCurrent(root, now) && isIssuedBy(certificate, root)),
  );
}

/** By name, key identifier, key usage, and signature. */
function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isCurrent({ validFrom, validTo }: X509Certificate, now: number): boolean {
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo);
}
