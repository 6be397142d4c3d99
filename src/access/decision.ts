/** Whether a login may read a repository. Times in Unix milliseconds. */
export interface Decision {
  readonly isAllowed: boolean;
  readonly decidedAt: number;
  /** It counts without a new check before this. */
  readonly until: number;
}

export interface DecisionPolicy {
  /** How long a client may read after a check. Milliseconds. */
  readonly allowMs: number;
  /** How long a repository counts as public after a check. Milliseconds. */
  readonly publicMs: number;
  /** How old a decision may be while the upstream cannot be queried. 0: it does not count. Milliseconds. */
  readonly lastMs: number;
}

/** How long a refusal counts: a client that gets access must not wait. Milliseconds. */
const REFUSED_MS = 30_000;
/** After a failed check, how long the last decision counts without another attempt. Milliseconds. */
const HOLD_MS = 10_000;

/** The login without credentials. */
export const ANONYMOUS_SUBJECT = 'anonymous';

/** @param endsAt of the token that was checked; absent when it is not known */
export function decide(isAllowed: boolean, { now, subject, policy, endsAt = Infinity }: DecideOptions): Decision {
  const lengthMs = subject === ANONYMOUS_SUBJECT ? policy.publicMs : policy.allowMs;
  return { isAllowed, decidedAt: now, until: Math.min(now + (isAllowed ? lengthMs : REFUSED_MS), endsAt) };
}

export interface DecideOptions {
  readonly now: number;
  readonly subject: string;
  readonly policy: DecisionPolicy;
  readonly endsAt?: number | undefined;
}

/** For a login: tokens of clients are not held over, as it is not known what they are worth. */
export function policyFor(subject: string, policy: DecisionPolicy): DecisionPolicy {
  return subject.startsWith('token:') ? { ...policy, lastMs: 0 } : policy;
}

/** Whether it counts without a new check. A clock that was set back ends it: nothing counts for longer than its policy. */
export function isLive({ decidedAt, until }: Decision, now: number): boolean {
  return now < until && now >= decidedAt - CLOCK_TOLERANCE_MS;
}

/** Of clocks of replicas. Milliseconds. */
const CLOCK_TOLERANCE_MS = 60_000;

/** The last decision while the upstream cannot be queried, for a moment. Absent when it does not count any more. */
export function heldOver(last: Decision | undefined, now: number, { lastMs }: DecisionPolicy): Decision | undefined {
  if (!last || now >= last.decidedAt + lastMs) return undefined;
  return { ...last, until: Math.min(now + HOLD_MS, last.decidedAt + lastMs) };
}

/** How long it is kept for {@link heldOver}. A refusal is not: names that clients invent must not fill the memory. Milliseconds. */
export function keptMs({ isAllowed, until }: Decision, now: number, { lastMs }: DecisionPolicy): number {
  return Math.max(until - now, isAllowed ? lastMs : 0);
}
