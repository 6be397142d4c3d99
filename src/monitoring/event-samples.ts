import type { BreakerChange, ServiceEventData } from '../operations/event-control.ts';
import type { FillControl } from '../operations/fill-control.ts';
import type { JobControl } from '../operations/job-control.ts';
import type { ProblemControl } from '../operations/problem-control.ts';
import type { VerificationView } from '../operations/verify-log.ts';

export interface EventSources {
  readonly fills: Pick<FillControl, 'fills'>;
  readonly problems: ProblemControl;
  /** Absent without upstreams. */
  readonly jobs: Pick<JobControl, 'jobs'> | undefined;
  readonly breakers: () => readonly Omit<BreakerChange, 'at'>[];
  /** The verifications after the first `count`, and their number by now. */
  readonly verifications: {
    since(count: number): { readonly views: readonly VerificationView[]; readonly count: number };
  };
}

/** Bounds an event to about 25 KiB. */
const MAX_FILLS = 50;

/** Compares the state of the service with that of the last time. The first time shows no changes. */
export class EventSamples {
  readonly #sources: EventSources;
  #fills = '';
  #verified: number | undefined;
  readonly #problems = new Seen();
  readonly #breakers = new Seen();
  readonly #jobs = new Seen();

  constructor(sources: EventSources) {
    this.#sources = sources;
  }

  /** The running fills. Undefined when they are as before, or there are still none. */
  async fills(): Promise<ServiceEventData | undefined> {
    const { fills, total } = await this.#sources.fills.fills();
    const data = { fills: fills.slice(0, MAX_FILLS), total };
    const text = total === 0 ? '' : JSON.stringify(data);
    if (text === this.#fills) return undefined;
    this.#fills = text;
    return { type: 'fills', data };
  }

  /** Everything else that has changed. */
  async changes(): Promise<readonly ServiceEventData[]> {
    const { problems, breakers, jobs } = this.#sources;
    const at = new Date().toISOString();
    const changedBreakers = this.#breakers.changed(breakers(), ({ upstream, host, breaker }) => [
      `${upstream} ${host}`,
      breaker,
    ]);
    const changedProblems = this.#problems.changed(await problems.problems(), (problem) => [
      `${problem.cause} ${problem.upstream} ${problem.subject}`,
      problem.count,
    ]);
    const changedJobs = this.#jobs.changed((await jobs?.jobs()) ?? [], ({ name, running, startedAt, done, active }) => [
      name,
      JSON.stringify([running, startedAt, done, active]),
    ]);
    return [
      ...changedBreakers.map((data) => ({ type: 'breaker' as const, data: { ...data, at } })),
      ...changedProblems.map((data) => ({ type: 'problem' as const, data })),
      ...changedJobs.map((data) => ({ type: 'job' as const, data })),
      ...this.#verifications().map((data) => ({ type: 'verify' as const, data })),
    ];
  }

  #verifications(): readonly VerificationView[] {
    const { views, count } = this.#sources.verifications.since(this.#verified ?? Infinity);
    this.#verified = count;
    return views;
  }
}

/** The last state of each thing. */
class Seen {
  #states: ReadonlyMap<string, string | number> | undefined;

  /** @param stateOf its key, and what changes */
  changed<T>(items: readonly T[], stateOf: (item: T) => readonly [key: string, state: string | number]): readonly T[] {
    const before = this.#states;
    this.#states = new Map(items.map(stateOf));
    return before ? items.filter((item) => !isSame(before, stateOf(item))) : [];
  }
}

function isSame(
  before: ReadonlyMap<string, string | number>,
  [key, state]: readonly [string, string | number],
): boolean {
  return before.get(key) === state;
}
