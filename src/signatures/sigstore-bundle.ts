import {
  asObject,
  decodeBase64,
  type FoundSignature,
  type JsonObject,
  parseJson,
  SignatureError,
} from './found-signature.ts';

export const SIGSTORE_BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const IN_TOTO = 'application/vnd.in-toto+json';
const STATEMENTS: readonly unknown[] = ['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1'];
const SIGNATURE_PREDICATE = 'https://sigstore.dev/cosign/sign/v1';
/** An envelope has one; more are for rotated keys. */
const MAX_SIGNATURES = 10;

/**
 * Reads a signature of cosign 3: a bundle with an envelope (DSSE) around a statement of in-toto.
 *
 * @returns undefined for a statement that is not a signature, such as an SBOM or provenance
 * @throws {SignatureError}
 * @see https://github.com/sigstore/protobuf-specs/blob/v0.5.0/protos/sigstore_bundle.proto
 */
export function readSigstoreBundle(bytes: Uint8Array): FoundSignature | undefined {
  const bundle = parseJson(bytes, 'the bundle');
  if (bundle['mediaType'] !== SIGSTORE_BUNDLE) throw new SignatureError('the bundle is not one of version 0.3');
  if (bundle['dsseEnvelope'] === undefined) throw new SignatureError('the bundle has no signed statement');
  const { payloadType, payload, signatures } = readEnvelope(asObject(bundle['dsseEnvelope'], 'the envelope'));
  if (payloadType !== IN_TOTO) throw new SignatureError('the signed content is not a statement of in-toto');
  const statement = parseJson(payload, 'the statement');
  if (!STATEMENTS.includes(statement['_type'])) throw new SignatureError('the statement has an unknown type');
  if (statement['predicateType'] !== SIGNATURE_PREDICATE) return undefined;
  const signed = preAuthenticationEncoding(payloadType, payload);
  return { format: 'sigstore bundle', signed, signatures, subjects: subjectsOf(statement), bundle };
}

function readEnvelope(envelope: JsonObject) {
  const { payload, payloadType, signatures } = envelope;
  const isList = Array.isArray(signatures) && signatures.length > 0 && signatures.length <= MAX_SIGNATURES;
  if (!isList) throw new SignatureError(`the envelope needs 1 to ${MAX_SIGNATURES} signatures`);
  return {
    payloadType,
    payload: decodeBase64(payload, 'the payload'),
    signatures: signatures.map((each) => decodeBase64(asObject(each, 'a signature')['sig'], 'the signature')),
  };
}

/** @see https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md */
function preAuthenticationEncoding(type: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** @throws {SignatureError} when there are none */
function subjectsOf({ subject }: JsonObject): string[] {
  const subjects = Array.isArray(subject) ? subject.map((each) => asObject(each, 'a subject')) : [];
  const digests = subjects.flatMap((each) =>
    Object.entries(asObject(each['digest'], 'the digest of a subject')).map(([name, hex]) => `${name}:${String(hex)}`),
  );
  if (digests.length === 0) throw new SignatureError('the statement has no subject');
  return digests;
}
