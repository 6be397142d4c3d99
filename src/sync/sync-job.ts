import type { Clock } from '../clock/clock.ts';
import type { SyncRuleConfig } from '../config/config.ts';
import type { Job, JobReport } from '../jobs/job.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { JobImage } from '../operations/job-control.ts';
import { previewRule } from './preview.ts';
import { type SyncOptions, SyncRun } from './sync-run.ts';
import { windowEnd, windowStart } from './time-window.ts';

export interface SyncJobOptions extends SyncOptions {
  readonly jobs: Jobs;
  readonly clock: Clock;
}

/** A rule as a job that runs by command, and by its schedule within its window. */
export class SyncJob {
  readonly #rule: SyncRuleConfig;
  readonly #options: SyncJobOptions;
  readonly #job: Job;
  /** End of the run that the schedule starts. Unix milliseconds. */
  #until: number | undefined;

  constructor(rule: SyncRuleConfig, options: SyncJobOptions) {
    this.#rule = rule;
    this.#options = options;
    this.#job = options.jobs.add({
      name: rule.name,
      kind: 'sync',
      run: (report, signal) => this.#run(report, signal),
    });
  }

  preview(signal: AbortSignal): Promise<JobImage[]> {
    return previewRule(this.#rule, this.#options, signal);
  }

  /** Runs it again and again. @throws the reason of the signal */
  async keepRunning(signal: AbortSignal): Promise<void> {
    const { clock, jobs } = this.#options;
    const { everyMs, window, name } = this.#rule;
    if (everyMs === undefined) return;
    for (;;) {
      const start = window ? windowStart(window, clock.now()) : clock.now();
      await clock.sleep(start - clock.now(), { signal });
      this.#until = window && windowEnd(window, clock.now());
      if (!this.#job.status.running) jobs.run(name);
      await this.#job.ended;
      await clock.sleep(everyMs, { signal });
    }
  }

  async #run(report: JobReport, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const until = this.#until;
    this.#until = undefined;
    const timeOver = new AbortController();
    const end = () => timeOver.abort(new Error('its window has ended; the next run continues'));
    const timer = until === undefined ? undefined : clock.setTimer(end, until - clock.now());
    try {
      await new SyncRun(this.#rule, this.#options, { report, signal, timeOver: timeOver.signal }).run();
    } finally {
      timer?.cancel();
    }
  }
}
