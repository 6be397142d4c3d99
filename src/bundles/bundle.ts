import { createHash } from 'node:crypto';

import { ImageError } from '../images/image-error.ts';
import type { LayoutFiles } from '../images/layout-files.ts';
import { blobPath, LayoutSource } from '../images/layout-source.ts';
import { type Lock, parseLock } from '../lists/lock-file.ts';
import type { Digest } from '../oci/digest.ts';
import { type BundleFiles, openBundleFiles } from './bundle-files.ts';
import { type Contents, parseContents } from './contents.ts';
import { CONTENTS_PATH, LOCK_PATH, MAX_METADATA_BYTES, SUMS_PATH } from './paths.ts';

const ID_LENGTH = 12;

/** An OCI layout with the lock of its images: a directory, a tar file of one, or volumes. */
export interface Bundle {
  /** Follows from its lock: the same images have the same. */
  readonly id: string;
  readonly files: LayoutFiles;
  readonly layout: LayoutSource;
  readonly lock: Lock;
  readonly contents: Contents;
  /** Volumes that cannot be read. */
  readonly problems: readonly string[];
}

/** The caller closes `files`. @throws {ImageError} when it is not a bundle, or is an unsafe archive */
export async function openBundle(paths: readonly string[]): Promise<Bundle> {
  const found = await openBundleFiles(paths);
  try {
    return await readBundle(found);
  } catch (err) {
    await found.files.close();
    throw err;
  }
}

async function readBundle({ files, problems }: BundleFiles): Promise<Bundle> {
  if ((await files.size(LOCK_PATH)) === undefined)
    throw new ImageError(`${files.name}: not a bundle, ${LOCK_PATH} is missing`);
  const bytes = await files.read(LOCK_PATH, MAX_METADATA_BYTES);
  const lock = parseLock(bytes.toString('utf8'), `${files.name}: ${LOCK_PATH}`);
  if (lock.images.length === 0) throw new ImageError(`${files.name}: a bundle without images`);
  const contents = (await files.read(CONTENTS_PATH, MAX_METADATA_BYTES)).toString('utf8');
  return {
    id: bundleId(bytes),
    files,
    lock,
    contents: parseContents(contents, `${files.name}: ${CONTENTS_PATH}`),
    layout: new LayoutSource(files, { name: undefined, digest: undefined }),
    problems,
  };
}

/** @param lock bytes of {@link LOCK_PATH} */
export function bundleId(lock: Uint8Array | string): string {
  return createHash('sha256').update(lock).digest('hex').slice(0, ID_LENGTH);
}

/** @throws {ImageError} */
export async function readSums({ files }: Pick<Bundle, 'files'>): Promise<string> {
  return (await files.read(SUMS_PATH, MAX_METADATA_BYTES)).toString('utf8');
}

/** The volume that has a blob. Undefined when none does. */
export function volumeOf({ contents }: Pick<Bundle, 'contents'>, digest: Digest): string | undefined {
  return contents.volumes.find(({ blobs }) => blobs.includes(digest))?.name;
}

/** Volumes that are not all there, by name. */
export async function missingVolumes({ contents, files }: Pick<Bundle, 'contents' | 'files'>): Promise<string[]> {
  const missing: string[] = [];
  for (const { name, blobs } of contents.volumes) {
    for (const digest of blobs) {
      if ((await files.size(blobPath(digest))) !== undefined) continue;
      missing.push(name);
      break;
    }
  }
  return missing;
}
