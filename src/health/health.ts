import type { HealthConfig } from '../config/config.ts';
import type { Log } from '../telemetry/log.ts';
import type { Consequence, HealthCheck } from './health-check.ts';
import { type Checked, createHealthChecks } from './health-checks.ts';

/** `failing`: a dependency is missing. */
export type Readiness = 'starting' | 'ready' | 'failing' | 'draining';

/** The state of one check. */
export interface CheckReport {
  readonly state: 'passing' | 'failing' | 'pending';
  readonly consequence: Consequence;
  /** Reason of the last failure. Absent while the check passes. */
  readonly reason?: string;
  /** End of the last run, RFC 3339. */
  readonly checkedAt?: string;
}

/** Whether the service should get requests, from checks that run in the background. */
export interface Health {
  /** Cheap: called for every request. Healthy until a check has reached its threshold of failures. */
  isHealthy(): boolean;
  /** Whether a load balancer should send requests here. */
  readiness(): Readiness;
  /** Last failure of each failed check, by name. For clients of the debug address. */
  failures(): Readonly<Record<string, string>>;
  /** Every check by name. For the same clients. */
  report(): Readonly<Record<string, CheckReport>>;
  /** Called when the service listens. Runs awaited checks now, and every check after its interval, like distribution. */
  start(): void;
  /** Ends readiness. */
  drain(): void;
  /** Runs every check once, without waiting for its interval. */
  checkNow(): Promise<void>;
  stop(): void;
}

export interface HealthDependencies extends Checked {
  readonly log: Log;
}

export function createHealth(config: HealthConfig, { log, ...checked }: HealthDependencies): Health {
  return new PolledHealth(createHealthChecks(config, checked).map((check) => new Poll(check, log)));
}

class PolledHealth implements Health {
  readonly #polls: readonly Poll[];
  #phase: 'starting' | 'serving' | 'draining' = 'starting';

  constructor(polls: readonly Poll[]) {
    this.#polls = polls;
  }

  isHealthy(): boolean {
    return this.#polls.every((poll) => poll.failure === undefined || poll.consequence !== 'unhealthy');
  }

  readiness(): Readiness {
    if (this.#phase !== 'serving') return this.#phase;
    const needed = this.#polls.filter(({ consequence }) => consequence !== 'reported');
    if (needed.some(({ isFailing }) => isFailing)) return 'failing';
    return needed.some(({ isPending }) => isPending) ? 'starting' : 'ready';
  }

  failures(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      this.#polls.flatMap(({ name, failure }) => (failure === undefined ? [] : [[name, failure]])),
    );
  }

  report(): Readonly<Record<string, CheckReport>> {
    return Object.fromEntries(this.#polls.map((poll) => [poll.name, poll.report()]));
  }

  start(): void {
    this.#phase = 'serving';
    for (const poll of this.#polls) poll.start();
  }

  drain(): void {
    this.#phase = 'draining';
  }

  async checkNow(): Promise<void> {
    await Promise.all(this.#polls.map((poll) => poll.runOnce()));
  }

  stop(): void {
    for (const poll of this.#polls) poll.stop();
  }
}

/** Longest delay between two runs of an awaited check that has not passed yet. Milliseconds. */
const AWAITED_RETRY_MS = 2_000;

interface Run {
  readonly limit: AbortController;
  readonly done: Promise<void>;
}

/** One check with its timer and its consecutive failures. */
class Poll {
  readonly #check: HealthCheck;
  readonly #log: Log;
  #consecutiveFailures = 0;
  /** Reason of the last failure, also below the threshold. Absent while the check passes. */
  #reason: string | undefined;
  /** An awaited check that has not passed yet. */
  #isAwaited: boolean;
  #retry: NodeJS.Timeout | undefined;
  #running: Run | undefined;
  #timer: NodeJS.Timeout | undefined;
  #checkedAt: Date | undefined;

  constructor(check: HealthCheck, log: Log) {
    this.#check = check;
    this.#log = log;
    this.#isAwaited = check.isAwaited ?? false;
  }

  get name(): string {
    return this.#check.name;
  }

  get consequence(): Consequence {
    return this.#check.consequence;
  }

  report(): CheckReport {
    const { consequence } = this.#check;
    const passing = this.#checkedAt === undefined ? 'pending' : 'passing';
    return {
      ...this.#check.detail?.(),
      state: this.isFailing ? 'failing' : passing,
      consequence,
      ...(this.isFailing && this.#reason !== undefined && { reason: this.#reason }),
      ...(this.#checkedAt && { checkedAt: this.#checkedAt.toISOString() }),
    };
  }

  /** Reason of the last failure. Absent below the threshold. */
  get failure(): string | undefined {
    return this.#consecutiveFailures < this.#check.threshold ? undefined : this.#reason;
  }

  /** An awaited check fails without a threshold until it has passed. */
  get isFailing(): boolean {
    return this.failure !== undefined || (this.#isAwaited && this.#reason !== undefined);
  }

  get isPending(): boolean {
    return this.#isAwaited && this.#reason === undefined;
  }

  start(): void {
    if (this.#isAwaited) void this.#runUntilPassed();
    this.#timer = setInterval(() => {
      if (this.#running === undefined) void this.runOnce();
      // A check that hangs (on a dead network file system) keeps failing, and no second one is started.
      else if (this.#running.limit.signal.aborted) this.#timedOut();
    }, this.#check.intervalMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#retry);
    this.#isAwaited = false;
    this.#running?.limit.abort();
  }

  async #runUntilPassed(): Promise<void> {
    await this.runOnce();
    if (!this.#isAwaited) return;
    const delayMs = Math.min(this.#check.intervalMs, AWAITED_RETRY_MS);
    this.#retry = setTimeout(() => void this.#runUntilPassed(), delayMs).unref();
  }

  /** Never rejects. */
  runOnce(): Promise<void> {
    if (this.#running === undefined) {
      const limit = new AbortController();
      this.#running = { limit, done: this.#run(limit) };
    }
    return this.#running.done;
  }

  async #run(limit: AbortController): Promise<void> {
    const timer = setTimeout(() => {
      this.#timedOut();
      limit.abort();
    }, this.#check.timeoutMs).unref();
    try {
      await this.#check.run(limit.signal);
      this.#passed();
    } catch (error) {
      if (!limit.signal.aborted) this.#failed(error instanceof Error ? error.message : String(error));
    } finally {
      clearTimeout(timer);
      this.#running = undefined;
    }
  }

  #timedOut(): void {
    this.#failed(`no result within ${this.#check.timeoutMs} ms`);
  }

  #passed(): void {
    const wasFailing = this.isFailing;
    this.#checkedAt = new Date();
    this.#consecutiveFailures = 0;
    this.#reason = undefined;
    this.#isAwaited = false;
    if (wasFailing) this.#log.info({ check: this.name }, 'health check recovered');
  }

  #failed(reason: string): void {
    const wasFailing = this.isFailing;
    this.#checkedAt = new Date();
    this.#consecutiveFailures++;
    this.#reason = reason;
    if (wasFailing || !this.isFailing) return;
    if (this.#isAwaited) this.#log.error({ check: this.name, reason }, 'startup check failed');
    else this.#log.warn({ check: this.name, reason }, 'health check failed');
  }
}
