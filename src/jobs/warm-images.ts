import type { LimitFunction } from 'p-limit';

import { ImageError } from '../images/image-error.ts';
import { parsePlatform } from '../images/platform.ts';
import { type NamedImage, nameImages } from '../lists/lock-images.ts';
import type { WarmRequest } from '../operations/job-control.ts';
import { ControlError } from '../operations/control-error.ts';
import { type ImageToWarm, ImageWarmer, type ImageWarmerOptions } from './image-warmer.ts';
import type { JobDefinition } from './job.ts';

export interface WarmingOptions extends ImageWarmerOptions {
  /** Shared by all jobs. */
  readonly limit: LimitFunction;
}

/** A run that has the cache store images. @throws {ControlError} `invalid` */
export function warmImages(request: WarmRequest, { limit, ...options }: WarmingOptions): JobDefinition['run'] {
  const images = toImages(request);
  const warmer = new ImageWarmer(options);
  return async (report, signal) => {
    report.planned(images.length);
    const call = { class: 'warm', signal, onProgress: report.progress.bind(report) } as const;
    await Promise.all(images.map((image) => limit(async () => report.done(await warmer.warm(image, call)))));
  };
}

function toImages({ images, platforms, referrers, pin }: WarmRequest): ImageToWarm[] {
  try {
    const parsed = platforms.map(parsePlatform);
    return named(images).map(({ name, location }) => ({ name, location, platforms: parsed, referrers, pin }));
  } catch (err) {
    throw err instanceof ImageError ? new ControlError('invalid', err.message) : err;
  }
}

/** @throws {ImageError} */
function named(names: readonly string[]): readonly NamedImage[] {
  const { images, problems } = nameImages(names.map((name) => ({ name, origin: 'request' })));
  const [problem] = problems;
  if (problem) throw new ImageError(problem.message);
  if (images.length === 0) throw new ImageError('no images');
  return images;
}
