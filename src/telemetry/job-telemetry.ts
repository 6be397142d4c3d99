import type { JobEvents } from '../jobs/job.ts';
import { formatDuration } from './log-fields.ts';
import type { Log } from './log.ts';

type Event<Name extends keyof JobEvents> = Parameters<JobEvents[Name]>[0];

/** Jobs and their images, as log lines. */
export class JobTelemetry implements JobEvents {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  jobStarted({ name, kind }: Event<'jobStarted'>): void {
    this.#log.info({ job: name, kind }, 'job started');
  }

  imageDone({ job, image }: Event<'imageDone'>): void {
    const { name, digest, outcome, reason, bytes, spent } = image;
    const fields = { job, image: name, 'vars.digest': digest, outcome, bytes, spent };
    if (reason === undefined) this.#log.debug(fields, 'image done');
    else this.#log.warn({ ...fields, reason }, 'image not complete');
  }

  jobFinished({
    name,
    startedAt = 0,
    finishedAt = 0,
    total,
    outcomes,
    bytes,
    spent,
    error,
  }: Event<'jobFinished'>): void {
    const fields = {
      job: name,
      images: total,
      ...outcomes,
      bytes,
      spent,
      duration: formatDuration(finishedAt - startedAt),
    };
    if (error === undefined) this.#log.info(fields, 'job finished');
    else this.#log.warn({ ...fields, reason: error }, 'job ended early');
  }
}
