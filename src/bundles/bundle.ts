import { stat } from 'node:fs/promises';

import { ImageError } from '../images/image-error.ts';
import { DirectoryFiles, isAbsent, type LayoutFiles } from '../images/layout-files.ts';
import { LayoutSource } from '../images/layout-source.ts';
import { TarFiles } from '../images/tar-files.ts';
import { type Lock, parseLock } from '../lists/lock-file.ts';

/** The images of a bundle, as they were locked. */
export const LOCK_PATH = 'layover/images.lock.yaml';
export const SUMS_PATH = 'layover/SHA256SUMS';
/** Of each of the two files. */
const MAX_BYTES = 16 * 1024 * 1024;

/** An OCI layout with the lock of its images: a directory, or a tar file of one. */
export interface Bundle {
  readonly files: LayoutFiles;
  readonly layout: LayoutSource;
  readonly lock: Lock;
}

/** The caller closes `files`. @throws {ImageError} when it is not a bundle, or is an unsafe archive */
export async function openBundle(path: string): Promise<Bundle> {
  const found = await stat(path).catch((err: unknown) => {
    if (isAbsent(err)) throw new ImageError(`${path}: no such file or directory`);
    throw err;
  });
  const files = found.isDirectory() ? new DirectoryFiles(path) : await TarFiles.open(path);
  try {
    if ((await files.size(LOCK_PATH)) === undefined)
      throw new ImageError(`${path}: not a bundle, ${LOCK_PATH} is missing`);
    const lock = parseLock((await files.read(LOCK_PATH, MAX_BYTES)).toString('utf8'), `${path}: ${LOCK_PATH}`);
    if (lock.images.length === 0) throw new ImageError(`${path}: a bundle without images`);
    return { files, lock, layout: new LayoutSource(files, { name: undefined, digest: undefined }) };
  } catch (err) {
    await files.close();
    throw err;
  }
}

/** @throws {ImageError} */
export async function readSums({ files }: Pick<Bundle, 'files'>): Promise<string> {
  return (await files.read(SUMS_PATH, MAX_BYTES)).toString('utf8');
}
