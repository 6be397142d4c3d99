import type { AccessEvents } from '../access/access-events.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

type Event<Name extends keyof AccessEvents> = Parameters<AccessEvents[Name]>[0];

/** One line per upstream. Milliseconds. */
const LINE_MS = 60_000;

/** Decisions about private repositories, as metrics and log lines. Names of repositories are in no metric. */
export class AccessTelemetry implements AccessEvents {
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #now: () => number;
  /** When a decision that was held over was last logged, by upstream. */
  readonly #loggedAt = new Map<string, number>();

  constructor(log: Log, metrics: Metrics, now: () => number) {
    this.#log = log;
    this.#metrics = metrics;
    this.#now = now;
  }

  accessDecided({ upstream, source, result }: Event<'accessDecided'>): void {
    this.#metrics.accessDecisions.at(upstream, source, result).value++;
  }

  accessChecked({ upstream, durationMs }: Event<'accessChecked'>): void {
    this.#metrics.accessSeconds.at(upstream).observe(durationMs / 1000);
  }

  accessHeldOver({ upstream, repository, reason }: Event<'accessHeldOver'>): void {
    const now = this.#now();
    const isQuiet = now - (this.#loggedAt.get(upstream) ?? -Infinity) < LINE_MS;
    if (!isQuiet) this.#loggedAt.set(upstream, now);
    this.#log[isQuiet ? 'debug' : 'warn'](
      { upstream, repository, reason },
      'access cannot be checked; the last decision counts',
    );
  }

  decisionsNotKept({ path, error }: Event<'decisionsNotKept'>): void {
    this.#log.warn({ path, 'err.detail': String(error) }, 'access decisions cannot be kept; they are made again');
  }
}
