import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { ImageDestination } from '../images/image-destination.ts';
import { ImageError } from '../images/image-error.ts';
import { indexJson } from '../images/index-json.ts';
import { DirectoryFiles } from '../images/layout-files.ts';
import { LayoutDestination } from '../images/layout-destination.ts';
import { refuseLinkOut } from '../images/layout-links.ts';
import { blobPath } from '../images/layout-source.ts';
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
  /** Images that were added. */
  readonly images: readonly PlannedImage[];
  readonly absent: readonly Digest[];
}

/** Completes a bundle: removes images of an earlier one, and writes its lock, and the sums of all files. */
export async function finishDirectory(
  directory: string,
  { images, lock, absent, signKey }: FinishOptions,
): Promise<void> {
  await refuseLinkOut(directory, dirname(LOCK_PATH));
  await removeOthers(directory, images, absent);
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

async function removeOthers(
  directory: string,
  images: readonly PlannedImage[],
  absent: readonly Digest[],
): Promise<void> {
  const entries = images.reduce<BundleParts['entries']>((before, { plan }) => plan.addTo(before), []);
  await writeFileAt(directory, 'index.json', indexJson(entries));
  const digests = images.flatMap(({ plan }) => [...plan.manifests.keys(), ...plan.blobs.keys()]);
  const wanted = new Set(digests.filter((digest) => !absent.includes(digest)).map(blobPath));
  for (const path of await blobPaths(directory)) {
    if (wanted.has(path)) continue;
    await refuseLinkOut(directory, dirname(path));
    await rm(join(directory, path));
  }
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

/** Of a run that was interrupted. */
function isTemporary(name: string): boolean {
  return name.startsWith('.layover-');
}

function isOwn(name: string): boolean {
  return isTemporary(name) || ['blobs', 'index.json', dirname(LOCK_PATH)].includes(name);
}

/** @throws {ImageError} for a directory with other content than a bundle, whose other images will be removed */
export async function prepareDirectory(directory: string): Promise<void> {
  const names: string[] = await readdir(directory).catch((err: NodeJS.ErrnoException) => {
    if (err.code === 'ENOENT') return [];
    throw err;
  });
  // The storage of a cache has a directory of this name, too.
  const isMarked = names.includes(dirname(LOCK_PATH)) && (names.includes('oci-layout') || names.every(isOwn));
  const isBundle = isMarked || names.every(isTemporary);
  if (!isBundle)
    throw new ImageError(`${directory}: has other content (choose an empty directory, or one of an earlier bundle)`);
  await mkdir(directory, { recursive: true });
  // Marks it as a bundle, also when this run is interrupted.
  await refuseLinkOut(directory, dirname(LOCK_PATH));
  await mkdir(join(directory, dirname(LOCK_PATH)), { recursive: true });
}
