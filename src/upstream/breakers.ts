import { createCountedCache } from '../cache/lru.ts';
import { Breaker, type Permit } from './breaker.ts';
import { UpstreamError, type UpstreamEvents, type UpstreamStatus } from './upstream.ts';

export interface BreakersOptions {
  readonly upstream: string;
  /** With their ports; those of the registry and its mirrors, which name all others. */
  readonly hosts: readonly string[];
  readonly events: UpstreamEvents;
  readonly now: () => number;
}

interface Entry {
  readonly breaker: Breaker;
  /** Permits that have not ended. */
  inProgress: number;
}

interface Entries {
  get(host: string): Entry | undefined;
  set(host: string, entry: Entry): void;
  delete(host: string): void;
}

/** Failing hosts that are not configured: a registry can name another one each time. */
const MAX_STRANGERS = 256;

/** One breaker per host. An idle host without failures takes no memory; of hosts that are not configured, only the most recent are kept. */
export class Breakers {
  readonly #options: BreakersOptions;
  readonly #configured = new Map<string, Entry>();
  readonly #strangers = createCountedCache<Entry>({ maxEntries: MAX_STRANGERS });
  readonly #hosts: ReadonlySet<string>;

  constructor(options: BreakersOptions) {
    this.#options = options;
    this.#hosts = new Set(options.hosts);
  }

  /** @throws {UpstreamError} `unavailable` while it is open */
  enter(host: string): Permit {
    const entries = this.#entriesOf(host);
    const entry = entries.get(host) ?? { breaker: this.#create(host), inProgress: 0 };
    const permit = entry.breaker.enter();
    if (!permit.allowed) throw this.#refused(host, permit.retryAfterMs);
    entry.inProgress += 1;
    entries.set(host, entry);
    let settled = false;
    const settle = (apply: () => void) => {
      if (settled) return;
      settled = true;
      apply();
      entry.inProgress -= 1;
      const isIdle = entry.inProgress === 0 && entry.breaker.isPristine;
      if (isIdle && entries.get(host) === entry) entries.delete(host);
    };
    return {
      allowed: true,
      succeed: () => settle(() => permit.succeed()),
      fail: (reason) => settle(() => permit.fail(reason)),
      release: () => settle(() => permit.release()),
    };
  }

  status(host: string): Pick<UpstreamStatus, 'breaker' | 'retryAfterMs'> {
    return this.#entriesOf(host).get(host)?.breaker.status() ?? { breaker: 'closed' };
  }

  allowProbe(host: string): void {
    this.#entriesOf(host).get(host)?.breaker.allowProbe();
  }

  /** Forgets the failures of all hosts. */
  reset(): void {
    for (const { breaker } of this.#configured.values()) breaker.reset();
    this.#configured.clear();
    this.#strangers.clear();
  }

  #entriesOf(host: string): Entries {
    return this.#hosts.has(host) ? this.#configured : this.#strangers;
  }

  #create(host: string): Breaker {
    const { upstream, events, now } = this.#options;
    const onChange = (from: string, to: string, reason: string) =>
      events.breakerChanged({ upstream, host, isConfigured: this.#hosts.has(host), from, to, reason });
    return new Breaker({ now, onChange });
  }

  #refused(host: string, retryAfterMs: number): UpstreamError {
    const { upstream } = this.#options;
    const message = `${upstream}: ${host} failed repeatedly; no requests for another ${Math.ceil(retryAfterMs / 1_000)} s`;
    return new UpstreamError('unavailable', message, { upstream, retryAfterMs });
  }
}
