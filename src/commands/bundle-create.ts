import type { KeyObject } from 'node:crypto';

import { bundleId } from '../bundles/bundle.ts';
import { type PlannedImage, planImage } from '../bundles/plan-image.ts';
import { addToDirectory, finishDirectory, prepareDirectory } from '../bundles/write-directory.ts';
import { UnreadableBlobError, writeVolumes } from '../bundles/write-volumes.ts';
import { explainFailure } from '../images/failure.ts';
import { ImageError } from '../images/image-error.ts';
import { checkRequestOf } from '../jobs/check-request.ts';
import { formatLock, type Lock } from '../lists/lock-file.ts';
import type { Digest } from '../oci/digest.ts';
import { toStorageFailure } from '../service/storage-failure.ts';
import type { StoredContent } from '../service/stored-content.ts';
import type { CacheOutput } from './cache.ts';
import { printable } from './image-description.ts';
import { count } from './image-progress.ts';
import { ProgressBar } from './progress-bar.ts';
import { formatBytes } from './table.ts';

export interface CreateOptions {
  /** A directory, or a file that ends with `.tar`. */
  readonly output: string;
  readonly lock: Lock;
  /** Blobs that the other side has. */
  readonly have: ReadonlySet<Digest>;
  /** Bytes of a volume. Absent without volumes. */
  readonly volumeBytes: number | undefined;
  readonly strict: boolean;
  /** Absent for a bundle without a signature. */
  readonly signKey: KeyObject | undefined;
  readonly signal: AbortSignal;
}

type Output = Pick<CacheOutput, 'out' | 'err'>;

/** `bundle create`. @returns the exit code: 1 when an image of the lock is not in the bundle */
export async function createBundle(content: StoredContent, options: CreateOptions, output: Output): Promise<number> {
  const { lock, signal } = options;
  const planned = await forEachOf(lock.images, output, async (image) => {
    const { missing } = await content.check(checkRequestOf(image, { read: false, referrers: true }));
    const [first] = missing;
    if (first) throw new ImageError(`${first.part} ${first.digest} ${first.problem} (see layover check)`);
    return planImage(image, { images: { registry: content.registry, storedName: namer(content) }, signal });
  });
  const { written, files } = await (options.output.endsWith('.tar') ? writeTar : writeDirectory)(
    planned,
    options,
    output,
  );
  const blobs = [...new Map(written.flatMap(({ plan }) => [...plan.blobs])).values()];
  const carried = blobs.filter(({ digest }) => !options.have.has(digest));
  const left = blobs.length - carried.length;
  const id = bundleId(formatLock(lockOf(lock, written)));
  const counted = `${written.length} of ${count(lock.images.length, 'image')}`;
  output.out.write(
    `${files.join(' ')}: bundle ${id}, ${counted}, ${sizeText(carried)}${left > 0 ? `, without ${count(left, 'blob')}` : ''}\n`,
  );
  return written.length === lock.images.length ? 0 : 1;
}

function sizeText(blobs: readonly { readonly size: number }[]): string {
  return formatBytes(blobs.reduce((sum, { size }) => sum + size, 0));
}

interface Written {
  readonly written: readonly PlannedImage[];
  readonly files: readonly string[];
}

async function writeDirectory(
  planned: readonly PlannedImage[],
  { output: directory, lock, have, volumeBytes, signKey, signal }: CreateOptions,
  output: Output,
): Promise<Written> {
  if (volumeBytes !== undefined)
    throw new ImageError(`${directory}: volumes are tar files (use --output ${directory}.tar)`);
  const images = notEmpty(planned, directory);
  await prepareDirectory(directory);
  const written = await forEachOf(images, output, async (one) => {
    await addToDirectory(directory, one, { have, signal });
    return one;
  });
  const blobs = new Set(notEmpty(written, directory).flatMap(({ plan }) => [...plan.blobs.keys()]));
  const absent = [...blobs].filter((digest) => have.has(digest)).sort();
  await finishDirectory(directory, { images: written, lock: lockOf(lock, written), absent, signKey });
  return { written, files: [directory] };
}

/** A blob that cannot be read costs its images: files that name it are written again without them. */
async function writeTar(
  planned: readonly PlannedImage[],
  { output: file, lock, have, volumeBytes, ...flags }: CreateOptions,
  output: Output,
): Promise<Written> {
  const images = notEmpty(planned, file);
  const bar = output.err.isTTY ? new ProgressBar(output.err, Date.now, formatBytes) : undefined;
  const onProgress = (done: number, total: number) => bar?.update('writing', { done, total });
  try {
    const options = { output: file, images, lock: lockOf(lock, images), have, maxBytes: volumeBytes, ...flags };
    return { written: images, files: await writeVolumes({ ...options, onProgress }) };
  } catch (err) {
    if (!(err instanceof UnreadableBlobError)) throw err;
    const isIntact = ({ plan }: PlannedImage) => !plan.blobs.has(err.digest);
    for (const { image } of images.filter((one) => !isIntact(one)))
      output.err.write(`layover: ${printable(`${image.name}: ${err.message}`)}\n`);
    const rest = { output: file, lock, have, volumeBytes, ...flags };
    return await writeTar(images.filter(isIntact), rest, output);
  } finally {
    bar?.end();
  }
}

function lockOf(lock: Lock, written: readonly PlannedImage[]): Lock {
  return { ...lock, images: written.map(({ image }) => image) };
}

function notEmpty(images: readonly PlannedImage[], bundle: string): readonly PlannedImage[] {
  if (images.length === 0) throw new ImageError(`${bundle}: no image can be put into the bundle`);
  return images;
}

/** An image that fails is named, and the work continues with the others. @returns the results of those that did not fail */
async function forEachOf<T extends { readonly name: string } | PlannedImage, R>(
  images: readonly T[],
  { err }: Output,
  work: (image: T) => Promise<R>,
): Promise<R[]> {
  const bar = err.isTTY ? new ProgressBar(err) : undefined;
  const done: R[] = [];
  for (const [i, image] of images.entries()) {
    bar?.update('images', { done: i, total: images.length });
    try {
      done.push(await work(image));
    } catch (failure) {
      const reason = explainFailure(toStorageFailure(failure) ?? failure);
      if (reason === undefined) throw failure;
      bar?.end();
      const { name } = 'image' in image ? image.image : image;
      err.write(`layover: ${printable(`${name}: ${reason}`)}\n`);
    }
  }
  bar?.end();
  return done;
}

function namer({ storedNameOf }: StoredContent): (host: string, repository: string) => string {
  return (host, repository) => {
    const name = storedNameOf(host, repository);
    if ('problem' in name) throw new ImageError(name.problem);
    return name.stored;
  };
}
