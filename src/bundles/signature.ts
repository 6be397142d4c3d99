import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

import { ImageError } from '../images/image-error.ts';

/** @see https://github.com/sigstore/protobuf-specs/blob/v0.5.0/protos/sigstore_bundle.proto */
const MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const DIGEST_ALGORITHM = 'SHA2_256';
/** As OpenSSL names P-256. */
const CURVE = 'prime256v1';

/** Signs the list of sums, as a bundle of sigstore without certificate or log. */
export function signSums(sums: Uint8Array, key: KeyObject): Buffer {
  const hint = createHash('sha256')
    .update(createPublicKey(key).export({ type: 'spki', format: 'der' }))
    .digest('base64');
  const content = {
    mediaType: MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint } },
    messageSignature: {
      messageDigest: { algorithm: DIGEST_ALGORITHM, digest: createHash('sha256').update(sums).digest('base64') },
      signature: sign(hashOf(key), sums, key).toString('base64'),
    },
  };
  return Buffer.from(`${JSON.stringify(content, null, 1)}\n`);
}

/** @throws {ImageError} unless the signature is one of this key */
export function verifySums(
  sums: Uint8Array,
  signature: Uint8Array,
  { key, bundle }: { key: KeyObject; bundle: string },
) {
  const bytes = signatureIn(signature);
  if (!bytes || !verify(hashOf(key), sums, key, bytes))
    throw new ImageError(`${bundle}: refused, it is not signed with this key`);
}

/** @throws {ImageError} */
export function parsePrivateKey(pem: string, origin: string): KeyObject {
  return supported(() => createPrivateKey(pem), `${origin}: not a private key in PEM without a passphrase`);
}

/** @throws {ImageError} */
export function parsePublicKey(pem: string, origin: string): KeyObject {
  return supported(() => createPublicKey(pem), `${origin}: not a public key in PEM`);
}

function supported(parse: () => KeyObject, problem: string): KeyObject {
  let key: KeyObject;
  try {
    key = parse();
  } catch (cause) {
    throw new ImageError(problem, { cause });
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519' || (type === 'ec' && details?.namedCurve === CURVE)) return key;
  throw new ImageError(`${problem}: use one of EC P-256 or Ed25519`);
}

/** Ed25519 hashes the message itself. */
function hashOf({ asymmetricKeyType }: KeyObject): 'sha256' | null {
  return asymmetricKeyType === 'ed25519' ? null : 'sha256';
}

function signatureIn(text: Uint8Array): Buffer | undefined {
  try {
    const content = JSON.parse(Buffer.from(text).toString('utf8')) as Record<string, unknown> | null;
    const { signature } = (content?.['messageSignature'] ?? {}) as Record<string, unknown>;
    return content?.['mediaType'] === MEDIA_TYPE && typeof signature === 'string'
      ? Buffer.from(signature, 'base64')
      : undefined;
  } catch {
    return undefined; // refused as unsigned
  }
}
