import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { ImageDestination } from '../images/image-destination.ts';
import { ImageError } from '../images/image-error.ts';
import { DirectoryFiles } from '../images/layout-files.ts';
import { LayoutDestination } from '../images/layout-destination.ts';
import { refuseLinkOut } from '../images/layout-links.ts';
import { formatLock } from '../lists/lock-file.ts';
import type { Digest } from '../oci/digest.ts';
import { CONTENTS_PATH, LOCK_PATH, SIGNATURE_PATH, SUMS_PATH } from './paths.ts';
import { formatContents } from './contents.ts';
import { copyLocked } from './copy-locked.ts';
import type { BundleParts } from './metadata.ts';
import type { PlannedImage } from './plan-image.ts';
import { signSums } from './signature.ts';
import { type FileSum, formatSums, sumOf } from './sums.ts';

export interface DirectoryOptions {
  /** Blobs that the other side has. */
  readonly have: ReadonlySet<Digest>;
  readonly signal: AbortSignal;
}

/** Adds an image to the layout of a bundle. Complete blobs of an earlier run are kept. @throws {ImageError} | {RegistryError} */
export async function addToDirectory(
  directory: string,
  { image, source, names }: PlannedImage,
  { have, signal }: DirectoryOptions,
): Promise<void> {
  const destination = await LayoutDestination.open(directory, names);
  try {
    await copyLocked(image, { source, destination: withoutBlobs(destination, have), signal });
  } finally {
    await destination.close();
  }
}

/** A destination that gets none of these blobs. */
function withoutBlobs(destination: ImageDestination, absent: ReadonlySet<Digest>): ImageDestination {
  return {
    name: destination.name,
    maxJobs: destination.maxJobs,
    hasBlob: async (blob) => absent.has(blob.digest) || destination.hasBlob(blob),
    putBlob: (feed) => destination.putBlob(feed),
    putManifest: (manifest) => destination.putManifest(manifest),
    putTag: (manifest, tag) => destination.putTag(manifest, tag),
    putRoot: (manifest) => destination.putRoot(manifest),
    commit: () => destination.commit(),
    close: () => destination.close(),
  };
}

export interface FinishOptions extends Pick<BundleParts, 'lock' | 'signKey'> {
  readonly absent: readonly Digest[];
}

/** Completes a bundle: its lock, and the sums of all files. */
export async function finishDirectory(directory: string, { lock, absent, signKey }: FinishOptions): Promise<void> {
  await refuseLinkOut(directory, dirname(LOCK_PATH));
  await rm(join(directory, SIGNATURE_PATH), { force: true });
  await writeFileAt(directory, LOCK_PATH, formatLock(lock));
  await writeFileAt(directory, CONTENTS_PATH, formatContents({ absent, volumes: [] }));
  const files = new DirectoryFiles(directory);
  const sums: FileSum[] = [];
  for (const path of ['oci-layout', 'index.json', LOCK_PATH, CONTENTS_PATH, ...(await blobPaths(directory))]) {
    sums.push({ path, sum: sumInName(path) ?? (await sumOf(files.open(path, 0))) });
  }
  const text = formatSums(sums);
  await writeFileAt(directory, SUMS_PATH, text);
  if (signKey) await writeFileAt(directory, SIGNATURE_PATH, signSums(Buffer.from(text), signKey));
}

/** A blob was compared with its digest when it was written. */
function sumInName(path: string): string | undefined {
  return /^blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1];
}

async function blobPaths(directory: string): Promise<string[]> {
  const entries = await readdir(join(directory, 'blobs'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name).slice(join(directory, '/').length));
}

async function writeFileAt(directory: string, path: string, text: string | Uint8Array): Promise<void> {
  const to = join(directory, path);
  await mkdir(dirname(to), { recursive: true });
  // An old link in its place is not followed.
  await rm(`${to}.new`, { force: true });
  await writeFile(`${to}.new`, text, { flag: 'wx', flush: true });
  await rename(`${to}.new`, to);
}

/** @throws {ImageError} for a directory with other content than a layout */
export async function refuseOtherContent(directory: string): Promise<void> {
  const names: string[] = await readdir(directory).catch((err: NodeJS.ErrnoException) => {
    if (err.code === 'ENOENT') return [];
    throw err;
  });
  const isLayout =
    names.includes('oci-layout') || names.every((name) => name.startsWith('.layover-') || name === 'blobs');
  if (!isLayout)
    throw new ImageError(`${directory}: has other content (choose an empty directory, or one of an earlier bundle)`);
}
