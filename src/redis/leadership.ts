import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

import { type Lease, Leases } from './lease.ts';
import type { Redis } from './redis.ts';

export interface LeadershipOptions {
  readonly leases: Leases;
  /** What is led. */
  readonly name: string;
  /** Another process leads after so long when the one that does was killed. Milliseconds. */
  readonly ttlMs: number;
}

export interface Term {
  begin(): Promise<void>;
  /** Another may be leading by now. What has begun is finished, or broken off. */
  end(): Promise<void>;
}

/** After so long another process leads when the one that did was killed. Milliseconds. */
const TTL_MS = 6_000;
/** How often in its time a lease that another has is asked for. */
const POLLS = 3;
/** The same, of a piece of work. Milliseconds. */
const WORK_POLL_MS = 100;

/** @param name what is led */
export function createLeadership(redis: Redis, name: string): Leadership {
  const leases = new Leases({ redis, address: hostname(), patience: 'background' });
  return new Leadership({ leases, name, ttlMs: TTL_MS });
}

/** Which of the processes that share a Redis does what only one may do: at a time, and with a lease. */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #stopped = new AbortController();
  #leading: Promise<void> | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  /** Leads whenever nobody else does, until {@link stop}. */
  start(term: Term): void {
    this.#leading ??= this.#lead(term);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#leading;
  }

  /**
   * Does a piece of work that only one process does at a time.
   *
   * @param options.waitMs for whoever does it now
   * @returns undefined when it was not our turn in time, or Redis cannot be asked
   */
  async runExclusively<T>(
    work: (lost: AbortSignal) => Promise<T>,
    { waitMs }: { waitMs: number },
  ): Promise<T | undefined> {
    const { leases, name, ttlMs } = this.#options;
    for (let waited = 0; waited <= waitMs; waited += WORK_POLL_MS) {
      const attempt = await leases.acquire(`${name}-work`, ttlMs);
      if (attempt.kind === 'unavailable') return undefined;
      if (attempt.kind === 'held') {
        try {
          return await work(attempt.lease.lost);
        } finally {
          await attempt.lease.release();
        }
      }
      await sleep(WORK_POLL_MS);
    }
    return undefined;
  }

  async #lead(term: Term): Promise<void> {
    const { leases, name, ttlMs } = this.#options;
    while (!this.#stopped.signal.aborted) {
      const attempt = await leases.acquire(name, ttlMs);
      if (attempt.kind === 'held') await this.#serve(attempt.lease, term);
      else await this.#pause(ttlMs / POLLS);
    }
  }

  async #serve(lease: Lease, term: Term): Promise<void> {
    await term.begin();
    await untilAborted(AbortSignal.any([lease.lost, this.#stopped.signal]));
    await term.end();
    await lease.release();
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopped.signal, ref: false }).catch(() => {});
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
