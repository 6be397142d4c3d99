import { createHmac, timingSafeEqual } from 'node:crypto';

import type { DigestAlgorithm } from '../oci/digest.ts';

/** A session at the time its URL was created. */
export interface UploadState {
  /** The repository. */
  readonly name: string;
  readonly id: string;
  /** Bytes received by then. */
  readonly offset: number;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly algorithm: DigestAlgorithm;
}

const SIGNATURE_BYTES = 32;

/**
 * In distribution's form (its `registry/handlers/hmac.go`), so that each of the two continues an upload that the other began: JSON with its
 * HMAC-SHA256 in front, in base64url with padding.
 */
export function signUploadState({ name, id, offset, startedAt, algorithm }: UploadState, secret: string): string {
  const fields = { Name: name, UUID: id, Offset: offset, StartedAt: startedAt };
  const json = Buffer.from(JSON.stringify(algorithm === 'sha256' ? fields : { ...fields, DigestAlgorithm: algorithm }));
  return encode(Buffer.concat([signatureOf(json, secret), json]));
}

/** @returns undefined for a text that is not a state, or was not signed with one of the secrets */
export function verifyUploadState(text: string, secrets: readonly string[]): UploadState | undefined {
  const bytes = Buffer.from(text, 'base64url');
  // Node.js skips characters that are not base64.
  if (bytes.length <= SIGNATURE_BYTES || encode(bytes) !== text) return undefined;
  const [signature, json] = [bytes.subarray(0, SIGNATURE_BYTES), bytes.subarray(SIGNATURE_BYTES)];
  const isSigned = secrets.some((secret) => timingSafeEqual(signature, signatureOf(json, secret)));
  return isSigned ? parseState(json.toString()) : undefined;
}

/** The secret serves other purposes as well: a text that was signed for those has a prefix, and is not JSON. */
function parseState(json: string): UploadState | undefined {
  try {
    const { Name, UUID, Offset, StartedAt, DigestAlgorithm } = JSON.parse(json) as Record<string, unknown>;
    if (typeof Name !== 'string' || typeof UUID !== 'string' || typeof StartedAt !== 'string') return undefined;
    if (!Number.isSafeInteger(Offset) || Number.isNaN(Date.parse(StartedAt))) return undefined;
    const algorithm = DigestAlgorithm === 'sha512' ? 'sha512' : 'sha256';
    return { name: Name, id: UUID, offset: Offset as number, startedAt: StartedAt, algorithm };
  } catch (err) {
    if (err instanceof SyntaxError || err instanceof TypeError) return undefined;
    throw err;
  }
}

function encode(bytes: Buffer): string {
  const text = bytes.toString('base64url');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

function signatureOf(json: Buffer, secret: string): Buffer {
  return createHmac('sha256', secret).update(json).digest();
}
