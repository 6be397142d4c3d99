import { createHmac, timingSafeEqual } from 'node:crypto';

import type { DigestAlgorithm } from '../oci/digest.ts';

/** What a session was when its URL was given out. */
export interface UploadState {
  /** The repository. */
  readonly name: string;
  readonly id: string;
  /** Bytes that were kept. */
  readonly offset: number;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly algorithm: DigestAlgorithm;
}

const SIGNATURE_BYTES = 32;

/** As distribution: the HMAC with SHA-256 of some JSON, that JSON, and both in base64url. */
export function signUploadState(state: UploadState, secret: string): string {
  const { name, id, offset, startedAt, algorithm } = state;
  const json = Buffer.from(JSON.stringify({ name, id, offset, startedAt, algorithm }));
  return Buffer.concat([signatureOf(json, secret), json]).toString('base64url');
}

/** @returns undefined for what was not signed with one of the secrets */
export function verifyUploadState(text: string, secrets: readonly string[]): UploadState | undefined {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length <= SIGNATURE_BYTES) return undefined;
  const [signature, json] = [bytes.subarray(0, SIGNATURE_BYTES), bytes.subarray(SIGNATURE_BYTES)];
  const isOurs = secrets.some((secret) => timingSafeEqual(signature, signatureOf(json, secret)));
  return isOurs ? (JSON.parse(json.toString()) as UploadState) : undefined;
}

/** The secret may serve other purposes too, so that nothing signed for those is taken for a state. */
function signatureOf(json: Buffer, secret: string): Buffer {
  return createHmac('sha256', secret).update('layover upload state\n').update(json).digest();
}
