import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { ImageError } from '../images/image-error.ts';
import { DirectoryFiles } from '../images/layout-files.ts';
import { LayoutDestination } from '../images/layout-destination.ts';
import { refuseLinkOut } from '../images/layout-links.ts';
import { parseRegistryLocation } from '../images/location.ts';
import { RegistrySource, type SourceRegistry } from '../images/registry-source.ts';
import { formatLock, type Lock, type LockedImage } from '../lists/lock-file.ts';
import { bundleId, LOCK_PATH, SUMS_PATH } from './bundle.ts';
import { copyLocked } from './copy-locked.ts';
import { type FileSum, formatSums, sumOf } from './sums.ts';

/** A registry whose repositories have their stored names. */
export interface StoredImages {
  readonly registry: SourceRegistry;
  /** @throws {ImageError} for a name that is not served */
  readonly storedName: (host: string, repository: string) => string;
}

/** Adds an image to the layout of a bundle. Complete blobs of an earlier run are kept. @throws {ImageError} | {RegistryError} */
export async function addToBundle(
  directory: string,
  image: LockedImage,
  { images, signal }: { readonly images: StoredImages; readonly signal: AbortSignal },
): Promise<void> {
  const { host, repository, tag } = parseRegistryLocation(image.name);
  const location = { host, repository: images.storedName(host, repository), tag: undefined, digest: image.digest };
  const source = new RegistrySource({ registry: images.registry, location, signal });
  const fullName = tag === undefined ? undefined : `${host}/${repository}:${tag}`;
  const destination = await LayoutDestination.open(directory, { tag: fullName, fullName });
  try {
    await copyLocked(image, { source, destination, signal });
  } finally {
    await destination.close();
  }
}

/** Completes a bundle: its lock, and the sums of all files. @returns its id */
export async function finishBundle(directory: string, lock: Lock): Promise<string> {
  await refuseLinkOut(directory, dirname(LOCK_PATH));
  const text = formatLock(lock);
  await writeFileAt(directory, LOCK_PATH, text);
  const files = new DirectoryFiles(directory);
  const sums: FileSum[] = [];
  for (const path of ['oci-layout', 'index.json', LOCK_PATH, ...(await blobPaths(directory))]) {
    sums.push({ path, sum: sumInName(path) ?? (await sumOf(files.open(path, 0))) });
  }
  await writeFileAt(directory, SUMS_PATH, formatSums(sums));
  return bundleId(text);
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

async function writeFileAt(directory: string, path: string, text: string): Promise<void> {
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
