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

/** Like distribution: JSON with its HMAC-SHA256 in front, in base64url. */
export function signUploadState(state: UploadState, secret: string): string {
  const { name, id, offset, startedAt, algorithm } = state;
  const json = Buffer.from(JSON.stringify({ name, id, offset, startedAt, algorithm }));
  return Buffer.concat([signatureOf(json, secret), json]).toString('base64url');
}

/** @returns undefined for a text that was not signed with one of the secrets */
export function verifyUploadState(text: string, secrets: readonly string[]): UploadState | undefined {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length <= SIGNATURE_BYTES) return undefined;
  const [signature, json] = [bytes.subarray(0, SIGNATURE_BYTES), bytes.subarray(SIGNATURE_BYTES)];
  const isOurs = secrets.some((secret) => timingSafeEqual(signature, signatureOf(json, secret)));
  return isOurs ? (JSON.parse(json.toString()) as UploadState) : undefined;
}

/** With a prefix: the secret may serve other purposes, and a text signed for those is not a state. */
function signatureOf(json: Buffer, secret: string): Buffer {
  return createHmac('sha256', secret).update('layover upload state\n').update(json).digest();
}
