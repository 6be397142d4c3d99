/** A signature as it was found. It is not verified. */
export interface FoundSignature {
  readonly format: 'cosign' | 'sigstore bundle';
  /** The bytes that were signed. */
  readonly signed: Uint8Array;
  readonly signatures: readonly Uint8Array[];
  /** Digests that the signed bytes are about. */
  readonly subjects: readonly string[];
  /** With the certificate, and the proofs that logs have it. Absent for other formats. */
  readonly bundle?: JsonObject;
}

/** The content of a signature cannot be used. The message has the reason. */
export class SignatureError extends Error {
  override readonly name = 'SignatureError';
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** @throws {SignatureError} */
export function parseJson(bytes: Uint8Array, content: string): JsonObject {
  try {
    return asObject(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)), content);
  } catch (err) {
    if (err instanceof SignatureError) throw err;
    throw new SignatureError(`${content} is not valid JSON`, { cause: err });
  }
}

/** @throws {SignatureError} */
export function asObject(value: unknown, content: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new SignatureError(`${content} is missing`);
}

/** @throws {SignatureError} */
export function decodeBase64(value: unknown, content: string): Buffer {
  if (typeof value === 'string' && /^[A-Za-z0-9+/]+={0,2}$/.test(value)) return Buffer.from(value, 'base64');
  throw new SignatureError(`${content} is not Base64`);
}
