import { asObject, decodeBase64, type FoundSignature, parseJson, SignatureError } from './found-signature.ts';

export const SIMPLE_SIGNING = 'application/vnd.dev.cosign.simplesigning.v1+json';
const SIGNATURE_ANNOTATION = 'dev.cosignproject.cosign/signature';
/** By cosign, and by containers/image. */
const TYPES: readonly unknown[] = ['cosign container image signature', 'atomic container signature'];

/**
 * Reads a signature of cosign 1 or 2: the layer is signed, and its signature in an annotation of the layer's descriptor.
 *
 * @throws {SignatureError}
 * @see https://github.com/sigstore/cosign/blob/v2.4.1/specs/SIGNATURE_SPEC.md
 */
export function readSimpleSigning(
  payload: Uint8Array,
  annotations: Readonly<Record<string, unknown>> | undefined,
): FoundSignature {
  const signature = decodeBase64(annotations?.[SIGNATURE_ANNOTATION], 'the signature');
  const critical = asObject(parseJson(payload, 'the payload')['critical'], '"critical"');
  if (!TYPES.includes(critical['type'])) throw new SignatureError('the payload is not a signature of an image');
  const digest = asObject(critical['image'], '"image"')['docker-manifest-digest'];
  if (typeof digest !== 'string') throw new SignatureError('"docker-manifest-digest" is missing');
  return { format: 'cosign', signed: payload, signatures: [signature], subjects: [digest] };
}
