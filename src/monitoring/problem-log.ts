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

const MAX_PROBLEMS = 200;
/** UTF-16 units. */
const MAX_TEXT = 256;
/** Older problems are over. Milliseconds. */
const KEEP_MS = 24 * 3_600_000;

/** What went wrong in the last day, by cause: bounded, the longest unseen are forgotten first. */
export class ProblemLog {
  readonly #now: () => number;
  /** In the order of their last occurrence. */
  readonly #problems = new Map<string, LoggedProblem>();

  /** @param now Unix milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  note({ cause, ...about }: Occurrence): void {
    const [upstream, subject, detail] = [about.upstream, about.subject, about.detail].map(bounded);
    const now = this.#now();
    const key = `${cause}\n${upstream}\n${subject}`;
    const known = this.#problems.get(key);
    this.#problems.delete(key);
    if (this.#problems.size >= MAX_PROBLEMS) this.#forgetOldest();
    const { count = 0, firstAt = now } = known ?? {};
    this.#problems.set(key, { cause, upstream, subject, detail, count: count + 1, firstAt, lastAt: now });
  }

  /** It is over, whatever its details. */
  solved(cause: ProblemCause, upstream: string | undefined, subject: string | undefined): void {
    this.#problems.delete(`${cause}\n${bounded(upstream)}\n${bounded(subject)}`);
  }

  /** The latest first. */
  all(): readonly LoggedProblem[] {
    const since = this.#now() - KEEP_MS;
    return [...this.#problems.values()].filter(({ lastAt }) => lastAt >= since).toReversed();
  }

  #forgetOldest(): void {
    for (const key of this.#problems.keys()) {
      this.#problems.delete(key);
      return;
    }
  }
}

/** A copy: a cut string would keep the whole one in memory. */
function bounded(text: string | undefined): string | undefined {
  if (text === undefined || text.length <= MAX_TEXT) return text;
  return Buffer.from(text.slice(0, MAX_TEXT), 'utf8').toString('utf8');
}
