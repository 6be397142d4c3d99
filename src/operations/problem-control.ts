import type { ProblemCause, ProblemSeverity } from './problem-catalogue.ts';

/** What needs attention: the same interface in the process and over the admin API. */
export interface ProblemControl {
  problems(): Promise<readonly Problem[]>;
}

/** Times are RFC 3339. */
export interface Problem {
  readonly cause: ProblemCause;
  readonly severity: ProblemSeverity;
  readonly upstream?: string | undefined;
  /** A host, an account, a client or another thing that it is about. */
  readonly subject?: string | undefined;
  readonly count: number;
  readonly firstAt: string;
  readonly lastAt: string;
  /** What happens, in a sentence. */
  readonly text: string;
  /** The last reason, from an upstream or a client: not to be trusted. */
  readonly detail?: string | undefined;
  /** What to do. */
  readonly todo: string;
  /** Page of the documentation. */
  readonly docs: string;
}
