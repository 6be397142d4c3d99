import pLimit, { type LimitFunction } from 'p-limit';

import type { Clock } from '../clock/clock.ts';
import type { ProxyConfig } from '../config/config.ts';
import type { JobControl, JobImage, JobStatus, WarmRequest } from '../operations/job-control.ts';
import type { ImageWarmerOptions } from './image-warmer.ts';
import type { Job, JobDefinition, JobReport } from './job.ts';
import type { Jobs } from './jobs.ts';
import { Schedule } from './schedule.ts';

export interface LocalJobsOptions {
  readonly jobs: Jobs;
  readonly warmer: ImageWarmerOptions;
  /** Images of all jobs that are fetched at the same time. */
  readonly concurrency: number;
  readonly configured: ProxyConfig['warm'];
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  /** @throws {ControlError} `not-found` */
  readonly previewSync: (rule: string) => Promise<readonly JobImage[]>;
}

/** The jobs of this process, for operators. */
export class LocalJobs implements JobControl {
  /** Of the configured jobs. */
  readonly schedule: Schedule;
  readonly #options: LocalJobsOptions;
  /** Shared by all jobs. */
  readonly limit: LimitFunction;
  /** Jobs whose next run revalidates nothing. */
  readonly #missingOnly = new Set<string>();

  constructor(options: LocalJobsOptions) {
    this.#options = options;
    this.limit = pLimit(options.concurrency);
    for (const entry of options.configured) options.jobs.add(this.#definitionOf(entry));
    this.schedule = new Schedule({
      ...options,
      jobs: options.configured.map(({ name, at, onStart }) => ({ name, at, atStart: onStart !== 'never' })),
      run: (name, isStart) => this.#runScheduled(name, isStart),
    });
  }

  async jobs(): Promise<readonly JobStatus[]> {
    return this.#options.jobs.all.map((job) => this.#statusOf(job));
  }

  async job(name: string): Promise<JobStatus> {
    return this.#statusOf(this.#options.jobs.get(name));
  }

  async jobImages(name: string, after: number): Promise<readonly JobImage[]> {
    return this.#options.jobs.get(name).images.slice(after);
  }

  async warm(request: WarmRequest): Promise<JobStatus> {
    const { jobs } = this.#options;
    const { warmImages } = await import('./warm-images.ts');
    return jobs.start({ kind: 'warm', run: warmImages(request, this.#warming) }).status;
  }

  async previewSync(rule: string): Promise<readonly JobImage[]> {
    return this.#options.previewSync(rule);
  }

  async runJob(name: string): Promise<JobStatus> {
    return this.#options.jobs.run(name).status;
  }

  async stopJob(name: string): Promise<JobStatus> {
    const job = this.#options.jobs.get(name);
    job.stop('stopped by command');
    await job.ended;
    return job.status;
  }

  get #warming() {
    return { ...this.#options.warmer, limit: this.limit };
  }

  #statusOf(job: Job): JobStatus {
    return { ...job.status, nextAt: this.schedule.nextAt(job.definition.name) };
  }

  #definitionOf(entry: ProxyConfig['warm'][number]): JobDefinition {
    const run = async (report: JobReport, signal: AbortSignal) => {
      const missingOnly = this.#missingOnly.delete(entry.name);
      const { warmList } = await import('./warm-images.ts');
      await warmList({ ...entry, missingOnly }, this.#warming, { report, signal });
    };
    return { name: entry.name, kind: 'warm', run };
  }

  /** A run that is still in progress counts as this one. */
  #runScheduled(name: string, isStart: boolean): void {
    const { jobs, configured, onError } = this.#options;
    if (jobs.get(name).status.running) return;
    const entry = configured.find((each) => each.name === name);
    if (isStart && entry?.onStart === 'missing') this.#missingOnly.add(name);
    try {
      jobs.run(name);
    } catch (err) {
      onError(err);
    }
  }
}
