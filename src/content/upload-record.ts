import { type Digest, type DigestAlgorithm, digestAlgorithm, isDigest } from '../oci/digest.ts';

/** What is written down of an upload session after each piece, so that nobody has to read its bytes again. */
export interface UploadRecord {
  /** In which the blob will be named, as far as the client has said. */
  readonly algorithm: DigestAlgorithm;
  /** Undefined before the first piece. */
  readonly hashed?: HashedPrefix | undefined;
}

export interface HashedPrefix {
  /** The version of the staged file that was hashed; of another one it says nothing. */
  readonly version: string;
  /** Bytes. */
  readonly size: number;
  readonly digest: Digest;
  /** Of a hash that can go on from here. */
  readonly state?: string | undefined;
}

export function formatUploadRecord(record: UploadRecord): Buffer {
  return Buffer.from(JSON.stringify(record));
}

/** @returns undefined for what is not such a record: then the bytes are read again */
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
