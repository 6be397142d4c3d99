import { Breaker, type Permit } from './breaker.ts';
import { UpstreamError, type UpstreamEvents, type UpstreamStatus } from './upstream.ts';

export interface BreakersOptions {
  readonly upstream: string;
  readonly events: UpstreamEvents;
  readonly now: () => number;
}

interface Entry {
  readonly breaker: Breaker;
  /** Permits not settled yet. */
  underWay: number;
}

/** One breaker per host. A host that is not being asked and gives no trouble takes no memory. */
export class Breakers {
  readonly #options: BreakersOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: BreakersOptions) {
    this.#options = options;
  }

  /** @throws {UpstreamError} `unavailable` while it is open */
  enter(host: string): Permit {
    const entry = this.#entries.get(host) ?? { breaker: this.#create(host), underWay: 0 };
    const permit = entry.breaker.enter();
    if (!permit.allowed) throw this.#refused(host, permit.retryAfterMs);
    entry.underWay += 1;
    this.#entries.set(host, entry);
    let settled = false;
    const settle = (verdict: () => void) => {
      if (settled) return;
      settled = true;
      verdict();
      entry.underWay -= 1;
      if (entry.underWay === 0 && entry.breaker.isPristine) this.#entries.delete(host);
    };
    return {
      allowed: true,
      succeed: () => settle(() => permit.succeed()),
      fail: (reason) => settle(() => permit.fail(reason)),
      release: () => settle(() => permit.release()),
    };
  }

  status(host: string): Pick<UpstreamStatus, 'breaker' | 'retryAfterMs'> {
    return this.#entries.get(host)?.breaker.status() ?? { breaker: 'closed' };
  }

  #create(host: string): Breaker {
    const { upstream, events, now } = this.#options;
    const onChange = (from: string, to: string, reason: string) =>
      events.breakerChanged({ upstream, host, from, to, reason });
    return new Breaker({ now, onChange });
  }

  #refused(host: string, retryAfterMs: number): UpstreamError {
    const { upstream } = this.#options;
    const message = `${upstream}: ${host} failed repeatedly, not asked for another ${Math.ceil(retryAfterMs / 1_000)} s`;
    return new UpstreamError('unavailable', message, { upstream, retryAfterMs });
  }
}
