import { ImageError } from '../images/image-error.ts';
import { parsePlatform } from '../images/platform.ts';
import type { FoundImages, ListProblem } from '../lists/found-images.ts';
import { formatLock, type Lock, type LockedImage } from '../lists/lock-file.ts';
import { differences, type NamedImage, nameImages, resolveEach } from '../lists/lock-images.ts';
import { findLock, readLists } from '../lists/read-files.ts';
import { Registries } from '../lists/registries.ts';
import { resolveImage } from '../lists/resolve-image.ts';
import { printable } from './image-description.ts';
import type { ImageContext } from './image.ts';
import { count } from './image-progress.ts';
import { ProgressBar } from './progress-bar.ts';
import { replaceFile } from '../files/replace-file.ts';
import { formatBytes } from './table.ts';

export interface LockCommandOptions {
  readonly paths: readonly string[];
  readonly stdin: AsyncIterable<Uint8Array>;
  /** Absent: standard output. */
  readonly output: string | undefined;
  readonly platform: readonly string[];
  /** Compare with the file instead of writing it. */
  readonly locked: boolean;
}

/** `lock`. @returns the exit code: 1 when an image is missing in the lock */
export async function lockCommand(context: ImageContext, options: LockCommandOptions): Promise<number> {
  const { output, paths, stdin, locked } = options;
  const previous = output === undefined ? undefined : await findLock(output);
  const lists = await readLists(paths, stdin);
  const { images, problems } = nameImages(lists.images);
  const work = { images, previous, problems: [...lists.problems, ...problems] };
  if (images.length === 0 && work.problems.length === 0)
    throw new ImageError(`${paths.join(', ')}: contains no images`);
  return locked ? compare(context, options, work) : write(context, options, work);
}

interface LockWork {
  readonly images: readonly NamedImage[];
  readonly previous: Lock | undefined;
  readonly problems: readonly ListProblem[];
}

async function compare(
  context: ImageContext,
  { output }: LockCommandOptions,
  { images, previous, problems }: LockWork,
): Promise<number> {
  if (output === undefined) throw new ImageError('--locked needs the lock to compare with (--output images.lock.yaml)');
  if (!previous) throw new ImageError(`${output}: no such file`);
  const found = await resolveAll(context, images, ({ location }, registries) => registries.digest(location));
  const differing = differences(previous.images, images, found.resolved);
  const isSame = report(context, [...problems, ...found.problems, ...differing]);
  if (isSame) context.err.write(`${count(images.length, 'image')} as in ${output}\n`);
  return isSame ? 0 : 1;
}

async function write(
  context: ImageContext,
  { output, ...options }: LockCommandOptions,
  { images, previous, problems }: LockWork,
): Promise<number> {
  const platforms = options.platform.length > 0 ? options.platform : (previous?.platforms ?? []);
  const parsed = platforms.map(parsePlatform);
  const found = await resolveAll(context, images, async ({ name, location }, registries) =>
    resolveImage(await registries.image(location), name, parsed),
  );
  const locked = images.flatMap(({ name }) => found.resolved.get(name) ?? keptFrom(previous, name));
  const text = formatLock({ platforms, images: locked });
  if (output === undefined) context.out.write(text);
  else await replaceFile(output, text);
  const isComplete = report(context, [...problems, ...found.problems]);
  const size = locked.reduce((sum, image) => sum + image.size, 0);
  const done = locked.length === images.length ? '' : `${locked.length} of `;
  context.err.write(`${done}${count(images.length, 'image')}, ${formatBytes(size)}\n`);
  return isComplete ? 0 : 1;
}

/** An image that cannot be resolved today keeps its digest, so that writing the lock again loses nothing. */
function keptFrom(previous: Lock | undefined, name: string): LockedImage[] {
  return previous?.images.filter((image) => image.name === name) ?? [];
}

async function resolveAll<T>(
  { access, err }: ImageContext,
  images: readonly NamedImage[],
  resolve: (image: NamedImage, registries: Registries) => Promise<T>,
) {
  const bar = err.isTTY ? new ProgressBar(err) : undefined;
  const { signal } = access;
  const onDone = (done: number) => bar?.update('images', { done, total: images.length });
  await using registries = new Registries(access);
  try {
    return await resolveEach(images, { onDone, signal }, (image) => resolve(image, registries));
  } finally {
    bar?.end();
  }
}

/** @returns whether there are no problems */
function report({ err }: ImageContext, problems: FoundImages['problems']): boolean {
  for (const { origin, message } of problems) err.write(`layover: ${printable(`${origin}: ${message}`)}\n`);
  return problems.length === 0;
}
