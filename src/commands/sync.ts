import { ControlError } from '../operations/control-error.ts';
import { IMAGE_OUTCOMES, type JobControl, type JobImage, type JobStatus } from '../operations/job-control.ts';
import type { CacheOutput } from './cache.ts';
import type { CacheTarget } from './cache-target.ts';
import { followJob, imageLine } from './follow-job.ts';
import { count } from './image-progress.ts';
import { jobsOf } from './jobs.ts';

export interface SyncCommandRequest {
  /** Empty: all. */
  readonly rules: readonly string[];
  readonly dryRun: boolean;
  readonly wait: boolean;
}

/** `sync`. @returns the exit code: 1 when a repository could not be listed, and with `wait` when an image could not be fetched */
export async function syncCommand(
  target: CacheTarget,
  { rules, dryRun, wait }: SyncCommandRequest,
  output: CacheOutput,
): Promise<number> {
  const jobs = jobsOf(target);
  const names = rules.length > 0 ? rules : await allRules(jobs);
  let code = 0;
  for (const name of names) if (dryRun) code = Math.max(code, await preview(jobs, name, output));
  if (dryRun) return code;
  const started: JobStatus[] = [];
  for (const name of names) started.push(await jobs.runJob(name));
  for (const job of started) {
    if (wait) code = Math.max(code, await followJob(jobs, job.name, output));
    else if (output.json) output.out.write(`${JSON.stringify(job)}\n`);
    else output.out.write(`${job.name} started (see: layover jobs show ${job.name})\n`);
  }
  return code;
}

function describeOutcomes(images: readonly JobImage[]): string {
  const counts = IMAGE_OUTCOMES.map((outcome) => ({
    outcome,
    number: images.filter((image) => image.outcome === outcome).length,
  }));
  const found = counts.filter(({ number }) => number > 0);
  return found.map(({ outcome, number }) => `${number} ${WOULD_BE[outcome] ?? outcome}`).join(', ') || 'none selected';
}

async function allRules(jobs: JobControl): Promise<string[]> {
  const rules = (await jobs.jobs()).filter(({ kind }) => kind === 'sync').map(({ name }) => name);
  if (rules.length === 0) throw new ControlError('not-found', 'the server has no rules in proxy.sync');
  return rules;
}

/** In a preview, instead of the outcome of a run. */
const WOULD_BE: Readonly<Partial<Record<JobImage['outcome'], string>>> = {
  fetched: 'would be fetched',
  moved: 'would move',
};

async function preview(jobs: JobControl, name: string, { out, err, json }: CacheOutput): Promise<number> {
  const images = await jobs.previewSync(name);
  for (const image of images) {
    const { outcome } = image;
    out.write(json ? `${JSON.stringify(image)}\n` : `${imageLine(image, WOULD_BE[outcome])}\n`);
  }
  if (!json) err.write(`${name}: ${count(images.length, 'image')}, ${describeOutcomes(images)}\n`);
  return images.some(({ outcome }) => outcome === 'failed' || outcome === 'held') ? 1 : 0;
}
