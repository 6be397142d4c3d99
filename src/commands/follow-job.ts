import { setTimeout as sleep } from 'node:timers/promises';

import { isAsWanted, type JobControl, type JobImage } from '../operations/job-control.ts';
import type { CacheOutput } from './cache.ts';
import { withoutHost } from '../images/failure.ts';
import { printable } from './image-description.ts';
import { JobProgress } from './job-progress.ts';
import { formatBytes } from './table.ts';

/** Between two looks. Milliseconds. */
const POLL_MS = 200;

/**
 * Shows the images of a job as they are done, until its run has ended. When the command is interrupted, the job continues.
 *
 * @returns the exit code: 1 when an image is not complete, or the run ended early
 */
export async function followJob(jobs: JobControl, name: string, output: CacheOutput): Promise<number> {
  const progress = output.err.isTTY ? new JobProgress(output.err, output.now) : undefined;
  let shown = 0;
  let isWhole = true;
  for (;;) {
    // Before the images: those of a run that has ended are all there.
    const job = await jobs.job(name);
    const images = await jobs.jobImages(name, shown);
    shown += images.length;
    isWhole &&= images.every((image) => isAsWanted(image, job.kind));
    progress?.erase();
    for (const image of images) output.out.write(`${output.json ? JSON.stringify(image) : imageLine(image)}\n`);
    if (!job.running) {
      if (job.error !== undefined) output.err.write(`layover: ${printable(`${name}: ${job.error}`)}\n`);
      if (!output.json) output.err.write(`${totals(job)}\n`);
      return isWhole && job.error === undefined ? 0 : 1;
    }
    progress?.show(job);
    await sleep(POLL_MS);
  }
}

/** @param what in place of the outcome */
export function imageLine({ name, outcome, bytes, was, digest, reason }: JobImage, what: string = outcome): string {
  const detail = [
    ...(bytes > 0 ? [formatBytes(bytes)] : []),
    ...(was === undefined ? [] : [`${short(was)} is now ${short(digest ?? '')}`]),
    ...(reason === undefined ? [] : [withoutHost(reason, name)]),
  ];
  return printable(`${name}  ${what}${detail.length === 0 ? '' : `  ${detail.join(', ')}`}`);
}

/** A tag that is gone does not count as an image, also where it does not fail the run. */
function totals({ outcomes, total, bytes, spent }: Awaited<ReturnType<JobControl['job']>>): string {
  const complete = outcomes.present + outcomes.fetched + outcomes.moved;
  return `${complete} of ${total} images, ${formatBytes(bytes)} fetched, ${spent} ${spent === 1 ? 'pull' : 'pulls'}`;
}

function short(digest: string): string {
  return digest.slice(0, digest.indexOf(':') + 13);
}
