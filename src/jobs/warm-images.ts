import type { LimitFunction } from 'p-limit';

import { ImageError } from '../images/image-error.ts';
import { parsePlatform } from '../images/platform.ts';
import type { FoundImages, ListProblem } from '../lists/found-images.ts';
import { nameImages } from '../lists/lock-images.ts';
import { readLists } from '../lists/read-files.ts';
import type { WarmRequest } from '../operations/job-control.ts';
import { ControlError } from '../operations/control-error.ts';
import { type ImageToWarm, ImageWarmer, type ImageWarmerOptions } from './image-warmer.ts';
import type { JobDefinition, JobReport } from './job.ts';

export interface WarmingOptions extends ImageWarmerOptions {
  /** Shared by all jobs. */
  readonly limit: LimitFunction;
}

/** A run that has the cache store images. @throws {ControlError} `invalid` */
export function warmImages(request: WarmRequest, options: WarmingOptions): JobDefinition['run'] {
  const { images, problems } = toImages(request, NO_LIST);
  const [problem] = problems;
  if (problem) throw new ControlError('invalid', problem.message);
  if (images.length === 0) throw new ControlError('invalid', 'no images');
  return (report, signal) => warmAll(images, options, { report, signal });
}

/** The same for configured names, and those of a list that is read now. Names that are not images fail, each for itself. */
export async function warmList(
  request: WarmRequest & { readonly from: string | undefined },
  options: WarmingOptions,
  run: Run,
): Promise<void> {
  const list = request.from === undefined ? NO_LIST : await readLists([request.from], NO_INPUT);
  const { images, problems } = toImages(request, list);
  await warmAll(images, options, run, problems);
}

interface Run {
  readonly report: JobReport;
  readonly signal: AbortSignal;
}

const NO_LIST: FoundImages = { images: [], problems: [] };
const NO_INPUT: AsyncIterable<Uint8Array> = (async function* () {})();

async function warmAll(
  images: readonly ImageToWarm[],
  { limit, ...options }: WarmingOptions,
  { report, signal }: Run,
  problems: readonly ListProblem[] = [],
): Promise<void> {
  const warmer = new ImageWarmer(options);
  report.planned(images.length + problems.length);
  for (const { origin, message } of problems)
    report.done({ name: origin, bytes: 0, spent: 0, outcome: 'failed', reason: message });
  const call = { class: 'warm', signal, onProgress: report.progress.bind(report) } as const;
  const warming = images.map((image) => limit(async () => report.done(await warmer.warm(image, call))));
  // When the signal ends it, the run has ended only when all of its images have.
  await Promise.allSettled(warming);
  await Promise.all(warming);
}

/** @throws {ControlError} `invalid` for a platform */
function toImages(
  { images: names, platforms, referrers, pin, missingOnly = false }: WarmRequest,
  list: FoundImages,
): { images: ImageToWarm[]; problems: readonly ListProblem[] } {
  const parsed = platforms.map(platformOf);
  const written = names.map((name) => ({ name, origin: name }));
  const { images, problems } = nameImages([...written, ...list.images]);
  return {
    images: images.map(({ name, location, platforms: locked = [] }) => ({
      ...{ name, location, referrers, pin, missingOnly },
      platforms: parsed.length > 0 ? parsed : locked.map(platformOf),
    })),
    problems: [...list.problems, ...problems],
  };
}

function platformOf(text: string) {
  try {
    return parsePlatform(text);
  } catch (err) {
    throw err instanceof ImageError ? new ControlError('invalid', err.message) : err;
  }
}
