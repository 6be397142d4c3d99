import { type Digest, type DigestAlgorithm, digestAlgorithm, isDigest } from '../oci/digest.ts';

/** Written after each chunk of an upload session, so that its bytes need not be read again. */
export interface UploadRecord {
  /** Of the digest that the client will send, as far as it is known. */
  readonly algorithm: DigestAlgorithm;
  /** Absent before the first chunk. */
  readonly hashed?: HashedPrefix | undefined;
}

export interface HashedPrefix {
  /** The version of the staged file that was hashed. The record is valid only for this version. */
  readonly version: string;
  /** Bytes. */
  readonly size: number;
  readonly digest: Digest;
  /** State of a hash that can continue from here. */
  readonly state?: string | undefined;
}

export function formatUploadRecord(record: UploadRecord): Buffer {
  return Buffer.from(JSON.stringify(record));
}

/** @returns undefined for anything else: then the bytes are read again */
export function parseUploadRecord(bytes: Uint8Array): UploadRecord | undefined {
  const value = parseJson(bytes);
  if (!isObject(value)) return undefined;
  const { algorithm, hashed } = value;
  if (algorithm !== 'sha256' && algorithm !== 'sha512') return undefined;
  if (hashed === undefined) return { algorithm };
  return isHashedPrefix(hashed) && digestAlgorithm(hashed.digest) === algorithm ? { algorithm, hashed } : undefined;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}

function isHashedPrefix(value: unknown): value is HashedPrefix {
  if (!isObject(value)) return false;
  const { version, size, digest, state } = value;
  const isState = state === undefined || typeof state === 'string';
  return typeof version === 'string' && Number.isSafeInteger(size) && isDigestText(digest) && isState;
}

function isDigestText(value: unknown): value is Digest {
  return typeof value === 'string' && isDigest(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
