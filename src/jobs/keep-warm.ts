import type { Clock, Timer } from '../clock/clock.ts';
import type { PullLog } from '../operations/pull-log.ts';
import type { JobImage } from '../operations/job-control.ts';
import type { JobDefinition, JobReport } from './job.ts';
import { findPopularTags, type PopularityRule, type PopularTag } from './popular-tags.ts';

export interface TagAge {
  /** When the upstream last confirmed it. Unix milliseconds. */
  readonly checkedAt: number;
  /** Milliseconds. */
  readonly ttlMs: number;
}

/** The tags of all upstreams, by stored name. */
export interface CachedTags {
  /** Absent when it is not cached, or cannot be revalidated. */
  ageOf(tag: PopularTag): Promise<TagAge | undefined>;
  /** Revalidates a tag, and fetches its image when it moved. @throws when the upstream fails, or the reason of the signal */
  refresh(tag: PopularTag, signal: AbortSignal): Promise<JobImage>;
}

export interface KeepWarmOptions {
  readonly name: string;
  readonly rule: PopularityRule;
  /** The last part of the TTL, from 0 to 1, in which a tag is revalidated. */
  readonly ahead: number;
  readonly pulls: PullLog;
  readonly tags: CachedTags;
  /** Runs the job, unless it is running. */
  readonly run: () => void;
  readonly clock: Pick<Clock, 'now' | 'setTimer'>;
  readonly onError: (error: unknown) => void;
}

/** Between two looks for popular tags; after a failure; between looks for those that are due. Milliseconds. */
const SURVEY_MS = 3_600_000;
const RETRY_MS = 600_000;
const MIN_WAIT_MS = 1_000;
const MAX_WAIT_MS = 30_000;

/** Revalidates popular tags shortly before their TTL ends, so that no client waits for it. */
export class KeepWarm {
  readonly #options: KeepWarmOptions;
  #popular: readonly PopularTag[] = [];
  #surveyAt = 0;
  /** After a failure, by name. Unix milliseconds. */
  readonly #retryAt = new Map<string, number>();
  #due: readonly PopularTag[] = [];
  #timer: Timer | undefined;
  #isStarted = false;

  constructor(options: KeepWarmOptions) {
    this.#options = options;
  }

  get definition(): JobDefinition {
    return { name: this.#options.name, kind: 'warm', run: (report, signal) => this.#refreshDue(report, signal) };
  }

  schedule(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#wait(MIN_WAIT_MS);
  }

  unschedule(): void {
    this.#isStarted = false;
    this.#timer?.cancel();
  }

  #wait(delayMs: number): void {
    this.#timer = this.#options.clock.setTimer(() => {
      void this.#lookAndWait();
    }, delayMs);
  }

  /** Never rejects. */
  async #lookAndWait(): Promise<void> {
    let nextMs = MAX_WAIT_MS;
    try {
      nextMs = await this.#look();
    } catch (err) {
      this.#options.onError(err);
    }
    if (this.#isStarted) this.#wait(nextMs);
  }

  /** @returns when to look again, in milliseconds */
  async #look(): Promise<number> {
    const { clock, pulls, rule, run } = this.#options;
    const now = clock.now();
    if (now >= this.#surveyAt) {
      this.#surveyAt = now + SURVEY_MS;
      this.#popular = await findPopularTags(pulls, rule, now);
    }
    const due: PopularTag[] = [];
    let nextAt = Infinity;
    for (const tag of this.#popular) {
      const dueAt = await this.#dueAt(tag);
      if (dueAt <= now) due.push(tag);
      else nextAt = Math.min(nextAt, dueAt);
    }
    this.#due = due;
    if (due.length > 0 && this.#isStarted) run();
    return Math.min(Math.max(nextAt - now, MIN_WAIT_MS), MAX_WAIT_MS);
  }

  async #dueAt(tag: PopularTag): Promise<number> {
    const age = await this.#options.tags.ageOf(tag);
    if (!age) return Infinity;
    return Math.max(age.checkedAt + age.ttlMs * (1 - this.#options.ahead), this.#retryAt.get(nameOf(tag)) ?? 0);
  }

  /** One that fails is tried again later, or by a client. */
  async #refreshDue(report: JobReport, signal: AbortSignal): Promise<void> {
    const due = this.#due;
    report.planned(due.length);
    this.#forgetRetries();
    for (const tag of due) {
      signal.throwIfAborted();
      const name = nameOf(tag);
      report.progress({ name, bytes: 0 });
      const failed = (err: unknown): JobImage => {
        signal.throwIfAborted();
        this.#retryAt.set(name, this.#options.clock.now() + RETRY_MS);
        return {
          name,
          bytes: 0,
          spent: 0,
          outcome: 'failed',
          reason: err instanceof Error ? err.message : String(err),
        };
      };
      report.done(await this.#options.tags.refresh(tag, signal).catch(failed));
    }
  }

  #forgetRetries(): void {
    const now = this.#options.clock.now();
    for (const [name, at] of this.#retryAt) if (at <= now) this.#retryAt.delete(name);
  }
}

function nameOf({ stored, tag }: PopularTag): string {
  return `${stored}:${tag}`;
}
