import type { Clock } from '../clock/clock.ts';
import type { SyncRuleConfig } from '../config/config.ts';
import type { Job, JobReport } from '../jobs/job.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { Schedule } from '../jobs/schedule.ts';
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

  /**
   * Runs it at its times.
   *
   * @param onError for an internal error
   */
  schedule(signal: AbortSignal, onError: (error: unknown) => void): void {
    const { clock } = this.#options;
    const { name, at, everyMs } = this.#rule;
    // Only the signal and internal errors end it.
    const watch = (work: Promise<void>) => void work.catch((err: unknown) => signal.aborted || onError(err));
    if (everyMs !== undefined) watch(this.#keepRunning(everyMs, signal));
    if (at === undefined) return;
    const run = () => watch(this.#runInWindow(signal));
    const schedule = new Schedule({ jobs: [{ name, at, atStart: false }], run, clock, onError });
    schedule.schedule();
    signal.addEventListener('abort', () => schedule.unschedule(), { once: true });
  }

  async #keepRunning(everyMs: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#runInWindow(signal);
      await this.#options.clock.sleep(everyMs, { signal });
    }
  }

  /** Waits until its window begins. A run that is in progress counts as this one. */
  async #runInWindow(signal: AbortSignal): Promise<void> {
    const { clock, jobs } = this.#options;
    const { window, name } = this.#rule;
    if (window) await clock.sleep(windowStart(window, clock.now()) - clock.now(), { signal });
    this.#until = window && windowEnd(window, clock.now());
    if (!this.#job.status.running) jobs.run(name);
    await this.#job.ended;
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
