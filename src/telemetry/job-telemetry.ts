import type { JobEvents } from '../jobs/job.ts';
import { formatDuration } from './log-fields.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

type Event<Name extends keyof JobEvents> = Parameters<JobEvents[Name]>[0];

/** Jobs and their images, as log lines. */
export class JobTelemetry implements JobEvents {
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #now: () => number;

  constructor(log: Log, metrics: Metrics, now: () => number) {
    this.#log = log;
    this.#metrics = metrics;
    this.#now = now;
  }

  jobStarted({ name, kind }: Event<'jobStarted'>): void {
    this.#log.info({ job: name, kind }, 'job started');
  }

  imageDone({ job, label, image }: Event<'imageDone'>): void {
    const { name, digest, outcome, reason, bytes, spent } = image;
    this.#metrics.jobImages.at(label, outcome).value++;
    this.#metrics.jobBytes.at(label).value += bytes;
    const fields = { job, image: name, 'vars.digest': digest, outcome, bytes, spent };
    if (reason === undefined) this.#log.debug(fields, 'image done');
    else this.#log.warn({ ...fields, reason }, 'image not complete');
  }

  jobFinished({ label, status }: Event<'jobFinished'>): void {
    const { name, startedAt = 0, finishedAt = 0, succeededAt, total, outcomes, bytes, spent, error } = status;
    if (succeededAt !== undefined)
      this.#metrics.jobLastSuccess.measure(() => (this.#now() - succeededAt) / 1_000, label);
    const counts = { images: total, ...outcomes, bytes, spent };
    const fields = { job: name, ...counts, duration: formatDuration(finishedAt - startedAt) };
    if (error === undefined) this.#log.info(fields, 'job finished');
    else this.#log.warn({ ...fields, reason: error }, 'job ended early');
  }
}
