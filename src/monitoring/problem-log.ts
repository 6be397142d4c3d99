import type { ProblemCause } from '../operations/problem-catalogue.ts';
import { CauseLog, type LoggedProblem, type Occurrence } from './cause-log.ts';

/** UTF-16 units. */
const MAX_TEXT = 256;

/** What went wrong in the last day. Each cause has its own bound, so that clients cannot hide one by another. */
export class ProblemLog {
  readonly #now: () => number;
  readonly #causes = new Map<ProblemCause, CauseLog>();

  /** @param now Unix milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  note({ cause, ...about }: Occurrence): void {
    const [upstream, subject, detail] = [about.upstream, about.subject, about.detail].map(bounded);
    const log = this.#causes.get(cause) ?? new CauseLog();
    this.#causes.set(cause, log);
    log.note({ cause, upstream, subject, detail }, this.#now());
  }

  /** It is over, whatever its details. */
  solved(cause: ProblemCause, upstream: string | undefined, subject: string | undefined): void {
    this.#causes.get(cause)?.solved({ upstream: bounded(upstream), subject: bounded(subject) });
  }

  /** The latest first. */
  all(): readonly LoggedProblem[] {
    const now = this.#now();
    return [...this.#causes.values()].flatMap((log) => log.all(now)).toSorted((a, b) => b.lastAt - a.lastAt);
  }
}

/** A copy: a cut string would keep the whole one in memory. */
function bounded(text: string | undefined): string | undefined {
  if (text === undefined || text.length <= MAX_TEXT) return text;
  return Buffer.from(text.slice(0, MAX_TEXT), 'utf8').toString('utf8');
}
