import type { Clock, Timer } from '../clock/clock.ts';

export interface ScheduledJob {
  readonly name: string;
  /** A cron expression of five fields. Absent when it runs by command only. */
  readonly at: string | undefined;
  /** Whether it runs when the schedule starts. */
  readonly atStart: boolean;
}

export interface ScheduleOptions {
  readonly jobs: readonly ScheduledJob[];
  /** Does nothing while the job is running. */
  readonly run: (name: string, isStart: boolean) => void;
  readonly clock: Pick<Clock, 'now' | 'setTimer'>;
  readonly onError: (error: unknown) => void;
}

/** The system's time may be set meanwhile. Milliseconds. */
const MAX_WAIT_MS = 60_000;

/** Runs jobs at their times. A run that is due while the process does not schedule is left out. */
export class Schedule {
  readonly #options: ScheduleOptions;
  #timer: Timer | undefined;
  /** By name. Unix milliseconds. */
  #due = new Map<string, number>();
  #isStarted = false;

  constructor(options: ScheduleOptions) {
    this.#options = options;
  }

  schedule(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const { jobs, run, onError } = this.#options;
    for (const { name, atStart } of jobs) if (atStart) run(name, true);
    this.#plan().catch(onError);
  }

  unschedule(): void {
    this.#isStarted = false;
    this.#timer?.cancel();
    this.#due = new Map();
  }

  /** When the job runs next. Unix milliseconds. Absent when it is not scheduled. */
  nextAt(name: string): number | undefined {
    return this.#due.get(name);
  }

  async #plan(): Promise<void> {
    const timed = this.#options.jobs.filter(({ at }) => at !== undefined);
    if (timed.length === 0) return;
    const { Cron } = await import('croner');
    const now = this.#options.clock.now();
    if (!this.#isStarted) return;
    for (const { name, at } of timed) {
      if (this.#due.has(name)) continue;
      const next = new Cron(at ?? '', { paused: true }).nextRun(new Date(now));
      if (next) this.#due.set(name, next.getTime());
    }
    this.#wait();
  }

  #wait(): void {
    const { clock, onError } = this.#options;
    const next = Math.min(...this.#due.values());
    if (!Number.isFinite(next)) return;
    const delayMs = Math.min(Math.max(next - clock.now(), 1), MAX_WAIT_MS);
    this.#timer?.cancel();
    this.#timer = clock.setTimer(() => {
      this.#runDue();
      this.#plan().catch(onError);
    }, delayMs);
  }

  #runDue(): void {
    const now = this.#options.clock.now();
    for (const [name, at] of this.#due) {
      if (at > now) continue;
      this.#due.delete(name);
      this.#options.run(name, false);
    }
  }
}
