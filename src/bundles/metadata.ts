import { createHash, type KeyObject } from 'node:crypto';

import { ImageError } from '../images/image-error.ts';
import { indexJson, OCI_LAYOUT } from '../images/index-json.ts';
import { blobPath } from '../images/layout-source.ts';
import { formatLock, type Lock } from '../lists/lock-file.ts';
import type { ManifestDescriptor } from '../oci/descriptor.ts';
import { type Digest, digestAlgorithm, digestHex } from '../oci/digest.ts';
import { CONTENTS_PATH, LOCK_PATH, MAX_LOCK_BYTES, SIGNATURE_PATH, SUMS_PATH } from './paths.ts';
import { type Contents, formatContents } from './contents.ts';
import { signSums } from './signature.ts';
import { type FileSum, formatSums } from './sums.ts';

export interface BundleParts {
  readonly lock: Lock;
  readonly entries: readonly ManifestDescriptor[];
  readonly manifests: ReadonlyMap<Digest, Buffer>;
  readonly contents: Contents;
  /** Of all blobs in all volumes: the sha256 in hex. */
  readonly blobSums: ReadonlyMap<Digest, string>;
  /** Absent for a bundle without a signature. */
  readonly signKey: KeyObject | undefined;
}

/** The files of a bundle without its blobs, in their order. @throws {ImageError} for a lock that no import would read */
export function metadataFiles({
  lock,
  entries,
  manifests,
  contents,
  blobSums,
  signKey,
}: BundleParts): Map<string, Buffer> {
  const lockText = Buffer.from(formatLock(lock));
  if (lockText.length > MAX_LOCK_BYTES)
    throw new ImageError(
      `the lock has ${lockText.length} bytes, and a bundle at most ${MAX_LOCK_BYTES} (split the list)`,
    );
  const files = new Map<string, Buffer>([
    ['oci-layout', OCI_LAYOUT],
    ['index.json', indexJson(entries)],
    [LOCK_PATH, lockText],
    [CONTENTS_PATH, Buffer.from(formatContents(contents))],
    ...[...manifests].sort(byDigest).map(([digest, bytes]): [string, Buffer] => [blobPath(digest), bytes]),
  ]);
  const sums: FileSum[] = [...files].map(([path, bytes]) => ({ path, sum: sha256(bytes) }));
  for (const [digest, sum] of blobSums) sums.push({ path: blobPath(digest), sum });
  const text = Buffer.from(formatSums(sums));
  files.set(SUMS_PATH, text);
  return signKey ? files.set(SIGNATURE_PATH, signSums(text, signKey)) : files;
}

/** The sha256 of a blob, when its digest has it. */
export function sumInDigest(digest: Digest): string | undefined {
  return digestAlgorithm(digest) === 'sha256' ? digestHex(digest) : undefined;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function byDigest([a]: readonly [Digest, unknown], [b]: readonly [Digest, unknown]): number {
  return a < b ? -1 : 1;
}
