import { ControlError } from '../operations/control-error.ts';
import { IMAGE_OUTCOMES, type JobControl, type JobImage, type JobStatus } from '../operations/job-control.ts';
import type { CacheOutput } from './cache.ts';
import type { CacheTarget } from './cache-target.ts';
import { followJob, imageLine } from './follow-job.ts';
import { formatBytes, formatSpan, renderColumns } from './table.ts';

export interface JobCommandRequest {
  readonly name: string;
  readonly action: 'show' | 'run' | 'stop';
  readonly wait: boolean;
}

/** @throws {ControlError} `unavailable` without a running server */
export function jobsOf({ jobs }: CacheTarget): JobControl {
  if (jobs) return jobs;
  const reason = 'no server is running, and only a server fetches images';
  throw new ControlError('unavailable', `${reason} (start it with \`layover serve\`, or name it with --server)`);
}

/** `jobs` */
export async function listJobs(target: CacheTarget, output: CacheOutput): Promise<void> {
  const jobs = await jobsOf(target).jobs();
  if (output.json) return void output.out.write(`${JSON.stringify({ jobs }, null, 2)}\n`);
  const rows = jobs.map((job) => rowOf(job, output.now()));
  const head = ['JOB', 'STATE', '>SINCE', '>IMAGES', '>FETCHED', '>PULLS', 'OUTCOMES'];
  output.out.write(rows.length === 0 ? 'no jobs\n' : renderColumns(head, rows));
}

/** `jobs show`, `jobs run` and `jobs stop`. @returns the exit code: 1 when an image is not complete */
export async function jobCommand(
  target: CacheTarget,
  { name, action, wait }: JobCommandRequest,
  output: CacheOutput,
): Promise<number> {
  const jobs = jobsOf(target);
  if (action === 'stop') return describe(await jobs.stopJob(name), output);
  if (action === 'run') {
    const job = await jobs.runJob(name);
    return wait ? followJob(jobs, name, output) : describe(job, output);
  }
  if (wait) return followJob(jobs, name, output);
  for (const image of await jobs.jobImages(name, 0)) output.out.write(lineOf(image, output));
  return 0;
}

function lineOf(image: JobImage, { json }: CacheOutput): string {
  return `${json ? JSON.stringify(image) : imageLine(image)}\n`;
}

function describe(job: JobStatus, output: CacheOutput): number {
  if (output.json) output.out.write(`${JSON.stringify(job)}\n`);
  else output.out.write(`${job.name}: ${stateOf(job)}, ${job.done} of ${job.total} images\n`);
  return 0;
}

function rowOf(job: JobStatus, now: number): string[] {
  const { name, startedAt, finishedAt, done, total, bytes, spent, outcomes } = job;
  const since = job.running ? startedAt : finishedAt;
  const counts = IMAGE_OUTCOMES.filter((outcome) => outcomes[outcome] > 0).map(
    (outcome) => `${outcome} ${outcomes[outcome]}`,
  );
  const span = since === undefined ? '-' : formatSpan(now - since);
  return [name, stateOf(job), span, `${done}/${total}`, formatBytes(bytes), String(spent), counts.join(', ')];
}

function stateOf({ running, startedAt, error }: JobStatus): string {
  if (running) return 'running';
  if (startedAt === undefined) return 'waiting';
  return error === undefined ? 'finished' : `ended (${error})`;
}
