import pLimit, { type LimitFunction } from 'p-limit';

import type { Clock } from '../clock/clock.ts';
import type { ProxyConfig } from '../config/config.ts';
import type { JobControl, JobImage, JobStatus, WarmRequest } from '../operations/job-control.ts';
import type { PullLog } from '../operations/pull-log.ts';
import type { ImageWarmerOptions } from './image-warmer.ts';
import type { Job, JobDefinition, JobReport } from './job.ts';
import type { Jobs } from './jobs.ts';
import { type CachedTags, KeepWarm } from './keep-warm.ts';
import { Schedule } from './schedule.ts';

export interface LocalJobsOptions {
  readonly jobs: Jobs;
  readonly warmer: ImageWarmerOptions;
  /** Images of all jobs that are fetched at the same time. */
  readonly concurrency: number;
  readonly configured: ProxyConfig['warm'];
  readonly pulls: PullLog;
  readonly tags: CachedTags;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  /** @throws {ControlError} `not-found` */
  readonly previewSync: (rule: string) => Promise<readonly JobImage[]>;
}

/** The jobs of this process, for operators. */
export class LocalJobs implements JobControl {
  readonly #options: LocalJobsOptions;
  /** Shared by all jobs. */
  readonly limit: LimitFunction;
  readonly #schedule: Schedule;
  readonly #keepWarm: readonly KeepWarm[];
  /** Jobs whose next run revalidates nothing. */
  readonly #missingOnly = new Set<string>();

  constructor(options: LocalJobsOptions) {
    this.#options = options;
    this.limit = pLimit(options.concurrency);
    const lists = options.configured.filter(({ popular }) => popular === undefined);
    for (const entry of lists) options.jobs.add(this.#definitionOf(entry));
    this.#schedule = new Schedule({
      ...options,
      jobs: lists.map(({ name, at, onStart }) => ({ name, at, atStart: onStart !== 'never' })),
      run: (name, isStart) => this.#runScheduled(name, isStart),
    });
    this.#keepWarm = options.configured.flatMap(({ name, popular: rule, ahead }) =>
      rule ? [new KeepWarm({ ...options, name, rule, ahead, run: () => this.#runScheduled(name, false) })] : [],
    );
    for (const { definition } of this.#keepWarm) options.jobs.add(definition);
  }

  /** Runs configured jobs from now on. */
  schedule(): void {
    this.#schedule.schedule();
    for (const each of this.#keepWarm) each.schedule();
  }

  unschedule(): void {
    this.#schedule.unschedule();
    for (const each of this.#keepWarm) each.unschedule();
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
    return { ...job.status, nextAt: this.#schedule.nextAt(job.definition.name) };
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
