import type { ProblemCause } from '../operations/problem-catalogue.ts';

/** Something that went wrong. */
export interface Occurrence {
  readonly cause: ProblemCause;
  readonly upstream?: string | undefined;
  /** A host, an account, a client or another thing that it is about. */
  readonly subject?: string | undefined;
  readonly detail?: string | undefined;
}

/** Equal occurrences. Times in Unix milliseconds. */
export interface LoggedProblem extends Occurrence {
  readonly count: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

/** Of one cause; more are counted together. */
const MAX_SUBJECTS = 20;
/** Older problems are over. Milliseconds. */
const KEEP_MS = 24 * 3_600_000;

type About = Pick<LoggedProblem, 'upstream' | 'subject'>;

/** The problems of one cause in the last day. Of too many subjects, the longest unseen are one problem together. */
export class CauseLog {
  /** In the order of their last occurrence. */
  readonly #problems = new Map<string, LoggedProblem>();
  #others: LoggedProblem | undefined;

  note(problem: Occurrence, now: number): void {
    this.#forgetBefore(now - KEEP_MS);
    const key = keyOf(problem);
    const { count = 0, firstAt = now } = this.#problems.get(key) ?? {};
    this.#problems.delete(key);
    this.#problems.set(key, { ...problem, count: count + 1, firstAt, lastAt: now });
    if (this.#problems.size > MAX_SUBJECTS) this.#countOldest();
  }

  /** One that is not known may be among those that are counted together: they are noted again when they last. */
  solved(about: About): void {
    if (!this.#problems.delete(keyOf(about))) this.#others = undefined;
  }

  /** The latest first; those that are counted together are the last. */
  all(now: number): readonly LoggedProblem[] {
    this.#forgetBefore(now - KEEP_MS);
    return [...[...this.#problems.values()].toReversed(), ...(this.#others ? [this.#others] : [])];
  }

  #countOldest(): void {
    const [oldest] = this.#problems;
    if (!oldest) return;
    const [key, { cause, count, firstAt, lastAt }] = oldest;
    this.#problems.delete(key);
    const others = this.#others ?? { count: 0, firstAt, lastAt };
    this.#others = {
      cause,
      detail: `others than the latest ${MAX_SUBJECTS}, together`,
      count: others.count + count,
      firstAt: Math.min(others.firstAt, firstAt),
      lastAt: Math.max(others.lastAt, lastAt),
    };
  }

  #forgetBefore(since: number): void {
    for (const [key, { lastAt }] of this.#problems) {
      if (lastAt >= since) break;
      this.#problems.delete(key);
    }
    if (this.#others && this.#others.lastAt < since) this.#others = undefined;
  }
}

function keyOf({ upstream, subject }: About): string {
  return `${upstream}\n${subject}`;
}
