import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

/** Why a client was disconnected or refused: no data moved for too long, too many connections, or too many requests in progress. */
export type RefusalReason = 'stalled' | 'connections' | 'requests';

const MESSAGES: Readonly<Record<RefusalReason, string>> = {
  stalled: 'client disconnected: no data sent or received for too long',
  connections: 'connection refused: too many connections',
  requests: 'request refused: too many requests of this client in progress',
};

/** A flood of requests must not flood the log. Milliseconds. */
const LOG_EVERY_MS = 1000;

/** Counts every refusal, and logs one of each kind per second. */
export class ClientTelemetry {
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #now: () => number;
  readonly #loggedAt = new Map<RefusalReason, number>();

  constructor(log: Log, metrics: Metrics, now: () => number) {
    this.#log = log;
    this.#metrics = metrics;
    this.#now = now;
  }

  untrustedProxy(peer: string): void {
    this.#log.warn(
      { client: peer },
      'X-Forwarded-For ignored: limits and logs use the address of the peer (if it is your proxy, add it to http.trustedproxies)',
    );
  }

  refused(reason: RefusalReason, client: string): void {
    this.#metrics.clientsRefused.at(reason).value++;
    const now = this.#now();
    if (now - (this.#loggedAt.get(reason) ?? -Infinity) < LOG_EVERY_MS) return;
    this.#loggedAt.set(reason, now);
    this.#log.warn({ client }, MESSAGES[reason]);
  }
}
