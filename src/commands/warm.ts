import { ImageError } from '../images/image-error.ts';
import { type NamedImage, nameImages } from '../lists/lock-images.ts';
import { readLists } from '../lists/read-files.ts';
import { ControlError } from '../operations/control-error.ts';
import type { CacheOutput } from './cache.ts';
import type { CacheTarget } from './cache-target.ts';
import { followJob } from './follow-job.ts';
import { printable } from './image-description.ts';
import { count } from './image-progress.ts';
import { jobsOf } from './jobs.ts';

export interface WarmCommandRequest {
  readonly names: readonly string[];
  /** Lists; `-` is standard input. */
  readonly from: readonly string[];
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly platforms: readonly string[];
  readonly referrers: boolean;
  readonly pin: boolean;
  readonly wait: boolean;
}

/** `warm`. @returns the exit code: 1 for names that are not images, and with `wait` when an image is not complete */
export async function warmCommand(
  target: CacheTarget,
  request: WarmCommandRequest,
  output: CacheOutput,
): Promise<number> {
  const jobs = jobsOf(target);
  const { images, problems, locked } = await findImages(request);
  for (const { origin, message } of problems) output.err.write(`layover: ${printable(`${origin}: ${message}`)}\n`);
  const failed = problems.length > 0 ? 1 : 0;
  if (images.length === 0) {
    if (failed === 0) throw new ControlError('invalid', 'no images (name them, or a list with --from)');
    return failed;
  }
  const { referrers, pin, wait } = request;
  const platforms = request.platforms.length > 0 ? request.platforms : locked;
  const job = await jobs.warm({ images, platforms, referrers, pin });
  if (wait) return (await followJob(jobs, job.name, output)) || failed;
  if (output.json) output.out.write(`${JSON.stringify(job)}\n`);
  else output.out.write(`${job.name} started, ${count(images.length, 'image')} (see: layover jobs show ${job.name})\n`);
  return failed;
}

async function findImages({ names, from, stdin }: WarmCommandRequest) {
  const typed = names.map((name) => ({ name, origin: 'argument' }));
  try {
    const lists = await readLists(from, stdin);
    const { images, problems } = nameImages([...typed, ...lists.images]);
    const found = { images: images.map(({ name }) => name), problems: [...lists.problems, ...problems] };
    return { ...found, locked: commonPlatforms(images) };
  } catch (err) {
    throw err instanceof ImageError ? new ControlError('invalid', err.message) : err;
  }
}

/** The platforms of locks, when all images are of locks with the same ones. Empty: all. */
function commonPlatforms([first, ...others]: readonly NamedImage[]): readonly string[] {
  const { platforms = [] } = first ?? {};
  const areSame = others.every((image) => image.platforms?.join() === platforms.join());
  return areSame ? platforms : [];
}
