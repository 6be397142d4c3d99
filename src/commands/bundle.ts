import { addToBundle, finishBundle, refuseOtherContent } from '../bundles/create-bundle.ts';
import { type Bundle, openBundle } from '../bundles/bundle.ts';
import { importImage } from '../bundles/import-bundle.ts';
import { findDamage } from '../bundles/verify-bundle.ts';
import { explainFailure } from '../images/failure.ts';
import { ImageError } from '../images/image-error.ts';
import type { Lock, LockedImage } from '../lists/lock-file.ts';
import { ControlError } from '../operations/control-error.ts';
import { toStorageFailure } from '../service/storage-failure.ts';
import type { StoredContent } from '../service/stored-content.ts';
import type { CacheTarget } from './cache-target.ts';
import type { CacheOutput } from './cache.ts';
import { checkRequestOf } from '../jobs/check-request.ts';
import { printable } from './image-description.ts';
import { count } from './image-progress.ts';
import { ProgressBar } from './progress-bar.ts';
import { formatBytes } from './table.ts';

type BundleOutput = Pick<CacheOutput, 'out' | 'err'>;

/** `bundle create`. @returns the exit code: 1 when an image of the lock is not in the bundle */
export async function createBundle(
  content: StoredContent,
  { directory, lock, signal }: { readonly directory: string; readonly lock: Lock; readonly signal: AbortSignal },
  output: BundleOutput,
): Promise<number> {
  await refuseOtherContent(directory);
  const images = { registry: content.registry, storedName: namer(content.storedNameOf) };
  const added = await forEachImage(lock.images, output, async (image) => {
    const { missing } = await content.check(checkRequestOf(image, { read: false, referrers: true }));
    const [first] = missing;
    if (first) throw new ImageError(`${first.part} ${first.digest} ${first.problem} (see layover check)`);
    await addToBundle(directory, image, { images, signal });
  });
  if (added.length === 0) throw new ImageError(`${directory}: no image can be put into the bundle`);
  await finishBundle(directory, { ...lock, images: added });
  const size = added.reduce((sum, image) => sum + image.size, 0);
  output.out.write(`${directory}: ${added.length} of ${count(lock.images.length, 'image')}, ${formatBytes(size)}\n`);
  return added.length === lock.images.length ? 0 : 1;
}

/** `bundle verify`. @returns the exit code: 1 when something is missing or damaged */
export async function verifyBundle(path: string, { out, err }: BundleOutput): Promise<number> {
  const bundle = await openBundle(path);
  let bytes = 0;
  try {
    const problems = await findDamage(bundle, (read) => (bytes += read));
    for (const problem of problems) err.write(`layover: ${path}: ${printable(problem)}\n`);
    if (problems.length === 0) {
      out.write(`${path}: ${count(bundle.lock.images.length, 'image')} complete, ${formatBytes(bytes)} read\n`);
    }
    return problems.length === 0 ? 0 : 1;
  } finally {
    await bundle.files.close();
  }
}

/** `bundle import`. @returns the exit code: 1 when an image was not imported */
export async function importBundle(
  { stopped, control }: CacheTarget,
  { path, pin, signal }: { readonly path: string; readonly pin: boolean; readonly signal: AbortSignal },
  output: BundleOutput,
): Promise<number> {
  if (!stopped) throw new ControlError('unavailable', 'a server is running: bundles are imported while it is stopped');
  const bundle = await openBundle(path);
  try {
    const target = { registry: stopped.images, storedName: namer(stopped.storedNameOf) };
    const { images } = bundle.lock;
    const imported = await forEachImage(images, output, async (image) => {
      const name = await importImage(bundle, image, { target, signal });
      if (pin) await control.pin(name);
    });
    output.out.write(`${path}: ${imported.length} of ${count(images.length, 'image')} imported\n`);
    return imported.length === images.length ? 0 : 1;
  } finally {
    await bundle.files.close();
  }
}

/** One image that fails is named, and the work continues with the others. @returns those that did not fail */
async function forEachImage(
  images: Bundle['lock']['images'],
  { err }: BundleOutput,
  work: (image: LockedImage) => Promise<void>,
): Promise<LockedImage[]> {
  const bar = err.isTTY ? new ProgressBar(err) : undefined;
  const done: LockedImage[] = [];
  for (const [i, image] of images.entries()) {
    bar?.update('images', { done: i, total: images.length });
    try {
      await work(image);
      done.push(image);
    } catch (failure) {
      const reason =
        failure instanceof ControlError ? failure.message : explainFailure(toStorageFailure(failure) ?? failure);
      if (reason === undefined) throw failure;
      bar?.end();
      err.write(`layover: ${printable(`${image.name}: ${reason}`)}\n`);
    }
  }
  bar?.end();
  return done;
}

function namer(storedNameOf: StoredContent['storedNameOf']): (host: string, repository: string) => string {
  return (host, repository) => {
    const name = storedNameOf(host, repository);
    if ('problem' in name) throw new ImageError(name.problem);
    return name.stored;
  };
}
