import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

import { type Lease, Leases } from './lease.ts';
import type { Redis } from './redis.ts';

export interface LeadershipOptions {
  readonly leases: Leases;
  /** Name of the lease. */
  readonly name: string;
  /** Time after which another process takes over from one that was killed. Milliseconds. */
  readonly ttlMs: number;
}

/** The work of a leader. */
export interface Term {
  begin(): Promise<void>;
  /** Finishes or aborts running work. Another process may already be the leader. */
  end(): Promise<void>;
}

/** Time after which another process takes over from one that was killed. Milliseconds. */
const TTL_MS = 6_000;
/** Attempts per TTL to acquire a lease that another process holds. */
const POLLS = 3;
/** Interval between attempts to acquire the lease for a piece of work. Milliseconds. */
const WORK_POLL_MS = 100;

/** @param name of the work that only the leader does */
export function createLeadership(redis: Redis, name: string): Leadership {
  const leases = new Leases({ redis, address: hostname(), patience: 'background' });
  return new Leadership({ leases, name, ttlMs: TTL_MS });
}

/** Elects one of the processes that share a Redis as the leader, by a lease. */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #stopped = new AbortController();
  #leading: Promise<void> | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  /** Becomes the leader whenever there is none, until {@link stop}. */
  start(term: Term): void {
    this.#leading ??= this.#lead(term);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#leading;
  }

  /**
   * Does a piece of work that only one process may do at a time, whether or not this process is the leader.
   *
   * @param options.waitMs how long to wait for a process that does it now
   * @returns undefined when the wait was too long, or Redis is unavailable
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
