import type { BudgetEvents } from '../budget/governor.ts';
import { formatDuration } from './log-fields.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

type Event<Name extends keyof BudgetEvents> = Parameters<BudgetEvents[Name]>[0];

/** One line per upstream and reason. Milliseconds. */
const LINE_MS = 60_000;

/** Pulls that count at upstreams, as metrics and log lines. */
export class BudgetTelemetry implements BudgetEvents {
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #now: () => number;
  /** When a refusal was last logged, by upstream and reason. */
  readonly #loggedAt = new Map<string, number>();

  constructor(log: Log, metrics: Metrics, now: () => number) {
    this.#log = log;
    this.#metrics = metrics;
    this.#now = now;
  }

  pullSpent({ upstream, class: by }: Event<'pullSpent'>): void {
    this.#metrics.budgetSpent.at(upstream, by).value++;
  }

  pullWaited({ upstream, class: by, waitedMs }: Event<'pullWaited'>): void {
    this.#metrics.budgetWaited.at(upstream, by).value += waitedMs / 1_000;
    this.#log.debug({ upstream, class: by, waited: formatDuration(waitedMs) }, 'pull waited for the budget');
  }

  pullRefused({ upstream, class: by, client, reason }: Event<'pullRefused'>): void {
    this.#metrics.budgetRefused.at(upstream, by).value++;
    const key = `${upstream} ${reason}`;
    const now = this.#now();
    const isQuiet = now - (this.#loggedAt.get(key) ?? -Infinity) < LINE_MS;
    if (!isQuiet) this.#loggedAt.set(key, now);
    this.#log[isQuiet ? 'debug' : 'warn']({ upstream, class: by, client, reason }, 'pull refused by the budget');
  }
}
