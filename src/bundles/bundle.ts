import { createHash, type KeyObject } from 'node:crypto';

import { ImageError } from '../images/image-error.ts';
import type { LayoutFiles } from '../images/layout-files.ts';
import { blobPath, LayoutSource } from '../images/layout-source.ts';
import { type Lock, parseLock } from '../lists/lock-file.ts';
import type { Digest } from '../oci/digest.ts';
import { type BundleFiles, openBundleFiles } from './bundle-files.ts';
import { type Contents, parseContents } from './contents.ts';
import { CONTENTS_PATH, LOCK_PATH, MAX_LOCK_BYTES, MAX_METADATA_BYTES, SIGNATURE_PATH, SUMS_PATH } from './paths.ts';
import { verifySums } from './signature.ts';
import { parseSums } from './sums.ts';

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

/**
 * The caller closes `files`.
 *
 * @param key absent: signatures are not verified
 * @throws {ImageError} when it is not a bundle, is an unsafe archive, or is not signed with the key
 */
export async function openBundle(paths: readonly string[], key?: KeyObject): Promise<Bundle> {
  const found = await openBundleFiles(paths);
  try {
    return await readBundle(found, key);
  } catch (err) {
    await found.files.close();
    throw err;
  }
}

async function readBundle({ files, problems }: BundleFiles, key: KeyObject | undefined): Promise<Bundle> {
  if (!key && (await files.size(LOCK_PATH)) === undefined)
    throw new ImageError(`${files.name}: not a bundle, ${LOCK_PATH} is missing`);
  const read = await verifiedReader(files, key);
  const bytes = await read(LOCK_PATH);
  const lock = parseLock(bytes.toString('utf8'), `${files.name}: ${LOCK_PATH}`);
  if (lock.images.length === 0) throw new ImageError(`${files.name}: a bundle without images`);
  const contents = (await read(CONTENTS_PATH)).toString('utf8');
  return {
    id: bundleId(bytes),
    files,
    lock,
    contents: parseContents(contents, `${files.name}: ${CONTENTS_PATH}`),
    layout: new LayoutSource(files, { name: undefined, digest: undefined }),
    problems,
  };
}

/** Reads files whose sums are right. The blobs of the images follow from the digests in the lock. @throws {ImageError} */
async function verifiedReader(
  files: LayoutFiles,
  key: KeyObject | undefined,
): Promise<(path: string) => Promise<Buffer>> {
  const has = async (path: string) => (await files.size(path)) !== undefined;
  if (key && !((await has(SIGNATURE_PATH)) && (await has(SUMS_PATH))))
    throw new ImageError(`${files.name}: refused, it has no signature`);
  if (!(await has(SUMS_PATH))) throw new ImageError(`${files.name}: not a bundle, ${SUMS_PATH} is missing`);
  const sums = await files.read(SUMS_PATH, MAX_METADATA_BYTES);
  if (key) verifySums(sums, await files.read(SIGNATURE_PATH, MAX_METADATA_BYTES), { key, bundle: files.name });
  const known = new Map(parseSums(sums.toString('utf8'), files.name).map(({ path, sum }) => [path, sum]));
  const read = async (path: string) => {
    const bytes = await files.read(path, path === LOCK_PATH ? MAX_LOCK_BYTES : MAX_METADATA_BYTES);
    if (sha256(bytes) !== known.get(path))
      throw new ImageError(
        key ? `${files.name}: refused, ${path} is not the signed one` : `${files.name}: ${path} is damaged`,
      );
    return bytes;
  };
  await read('index.json');
  return read;
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @param lock bytes of {@link LOCK_PATH} */
export function bundleId(lock: Uint8Array | string): string {
  return sha256(lock).slice(0, ID_LENGTH);
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
