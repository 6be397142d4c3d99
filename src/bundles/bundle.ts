import { createHash } from 'node:crypto';

import { ImageError } from '../images/image-error.ts';
import type { LayoutFiles } from '../images/layout-files.ts';
import { LayoutSource } from '../images/layout-source.ts';
import { type Lock, parseLock } from '../lists/lock-file.ts';
import { openBundleFiles } from './bundle-files.ts';

/** The images of a bundle, as they were locked. */
export const LOCK_PATH = 'layover/images.lock.yaml';
export const SUMS_PATH = 'layover/SHA256SUMS';
/** Of each of the two files. */
const MAX_BYTES = 16 * 1024 * 1024;
const ID_LENGTH = 12;

/** An OCI layout with the lock of its images: a directory, or a tar file of one. */
export interface Bundle {
  /** Follows from its lock: the same images have the same. */
  readonly id: string;
  readonly files: LayoutFiles;
  readonly layout: LayoutSource;
  readonly lock: Lock;
}

/** The caller closes `files`. @throws {ImageError} when it is not a bundle, or is an unsafe archive */
export async function openBundle(paths: readonly string[]): Promise<Bundle> {
  const files = await openBundleFiles(paths);
  try {
    if ((await files.size(LOCK_PATH)) === undefined)
      throw new ImageError(`${files.name}: not a bundle, ${LOCK_PATH} is missing`);
    const bytes = await files.read(LOCK_PATH, MAX_BYTES);
    const lock = parseLock(bytes.toString('utf8'), `${files.name}: ${LOCK_PATH}`);
    if (lock.images.length === 0) throw new ImageError(`${files.name}: a bundle without images`);
    const layout = new LayoutSource(files, { name: undefined, digest: undefined });
    return { id: bundleId(bytes), files, lock, layout };
  } catch (err) {
    await files.close();
    throw err;
  }
}

/** @param lock bytes of {@link LOCK_PATH} */
export function bundleId(lock: Uint8Array | string): string {
  return createHash('sha256').update(lock).digest('hex').slice(0, ID_LENGTH);
}

/** @throws {ImageError} */
export async function readSums({ files }: Pick<Bundle, 'files'>): Promise<string> {
  return (await files.read(SUMS_PATH, MAX_BYTES)).toString('utf8');
}
