import pLimit, { type LimitFunction } from 'p-limit';

import type { JobControl, JobImage, JobStatus, WarmRequest } from '../operations/job-control.ts';
import type { ImageWarmerOptions } from './image-warmer.ts';
import type { Jobs } from './jobs.ts';

export interface LocalJobsOptions {
  readonly jobs: Jobs;
  readonly warmer: ImageWarmerOptions;
  /** Images of all jobs that are fetched at the same time. */
  readonly concurrency: number;
  /** @throws {ControlError} `not-found` */
  readonly previewSync: (rule: string) => Promise<readonly JobImage[]>;
}

/** The jobs of this process, for operators. */
export class LocalJobs implements JobControl {
  readonly #options: LocalJobsOptions;
  /** Shared by all jobs. */
  readonly limit: LimitFunction;

  constructor(options: LocalJobsOptions) {
    this.#options = options;
    this.limit = pLimit(options.concurrency);
  }

  async jobs(): Promise<readonly JobStatus[]> {
    return this.#options.jobs.all.map(({ status }) => status);
  }

  async job(name: string): Promise<JobStatus> {
    return this.#options.jobs.get(name).status;
  }

  async jobImages(name: string, after: number): Promise<readonly JobImage[]> {
    return this.#options.jobs.get(name).images.slice(after);
  }

  async warm(request: WarmRequest): Promise<JobStatus> {
    const { jobs, warmer } = this.#options;
    const { warmImages } = await import('./warm-images.ts');
    return jobs.start({ kind: 'warm', run: warmImages(request, { ...warmer, limit: this.limit }) }).status;
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
}
