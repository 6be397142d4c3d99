import { type Digest, digestAlgorithm, digestHex } from '../oci/digest.ts';
import type { ContentKind, ContentReference } from './usage-index.ts';

/** A digest in 43 or 88 characters: every reference has four keys with it. */
export type PackedDigest = string;

export function packDigest(digest: Digest): PackedDigest {
  const packed = Buffer.from(digestHex(digest), 'hex').toString('base64url');
  return digestAlgorithm(digest) === 'sha512' ? `5.${packed}` : packed;
}

export function unpackDigest(packed: PackedDigest): Digest {
  const isLong = packed.startsWith('5.');
  const hex = Buffer.from(isLong ? packed.slice(2) : packed, 'base64url').toString('hex');
  return `${isLong ? 'sha512' : 'sha256'}:${hex}` as Digest;
}

const CODES = { manifest: 0, blob: 1 } as const;
type KindCode = (typeof CODES)[ContentKind];

export function kindCode(kind: ContentKind): KindCode {
  return CODES[kind];
}

export function kindOf(code: KindCode): ContentKind {
  return code === 0 ? 'manifest' : 'blob';
}

export type ReferenceKey = [repository: string, digest: PackedDigest, kind: KindCode];
export type HolderKey = [digest: PackedDigest, repository: string, kind: KindCode];
export type QueueKey = [kind: KindCode, rank: number, repository: string, digest: PackedDigest];

export function toReferenceKey({ repository, digest, kind }: ContentReference): ReferenceKey {
  return [repository, packDigest(digest), kindCode(kind)];
}

export function fromReferenceKey([repository, digest, kind]: ReferenceKey): ContentReference {
  return { repository, digest: unpackDigest(digest), kind: kindOf(kind) };
}

export function fromHolderKey([, repository, kind]: HolderKey): { repository: string; kind: ContentKind } {
  return { repository, kind: kindOf(kind) };
}
