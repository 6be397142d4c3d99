import type { HealthConfig } from '../config/config.ts';
import type { HealthCheck } from './health-check.ts';

/** The part of Redis that its check needs. */
export interface CheckedRedis {
  /** Such as `up`, `read-only` or `down`. */
  readonly state: string;
  /** Whether it responds within a time limit. */
  responds(): Promise<boolean>;
}

/** The part of an upstream that its check needs. */
export interface CheckedUpstream {
  readonly name: string;
  status(): { readonly breaker: 'closed' | 'open' | 'half-open' };
  /** Rejects when the upstream cannot be reached. */
  ping(options: { readonly signal: AbortSignal }): Promise<void>;
}

/** A list of images that must all be in storage. */
export interface CheckedList {
  readonly name: string;
  /** The service is not ready without them. */
  readonly isRequired: boolean;
  readonly intervalMs: number;
  /** Rejects with the images that are not complete. */
  readonly check: (signal: AbortSignal) => Promise<void>;
}

/** Until a list is complete for the first time, it is checked more often. Milliseconds. */
const INCOMPLETE_MS = 30_000;
/** A timer of the interval may fire before the interval has passed since the last check began. Milliseconds. */
const EARLY_MS = 500;

/** Reads storage alone. */
export function listCheck({ name, isRequired, intervalMs, check }: CheckedList): HealthCheck {
  let last: { readonly at: number; readonly result: Promise<void> } | undefined;
  return {
    name: `offline_${name}`,
    consequence: isRequired ? 'unready' : 'reported',
    isAwaited: true,
    intervalMs,
    threshold: 1,
    timeoutMs: Math.max(intervalMs, INCOMPLETE_MS),
    run(signal) {
      const now = performance.now();
      if (!last || now - last.at >= Math.min(intervalMs, INCOMPLETE_MS) - EARLY_MS)
        last = { at: now, result: check(signal) };
      return last.result;
    },
  };
}

/** Redis is an optional tier: its loss is only reported, unless `fatal` is set. */
export function redisCheck(redis: CheckedRedis, config: HealthConfig['redis']): HealthCheck {
  const { intervalMs, threshold, fatal } = config;
  return {
    name: 'redis',
    consequence: fatal ? 'unhealthy' : 'reported',
    intervalMs,
    threshold,
    timeoutMs: intervalMs,
    async run() {
      const responds = await redis.responds();
      if (!responds || redis.state !== 'up') throw new Error(responds ? redis.state : 'no response');
    },
    detail: () => ({ redis: redis.state }),
  };
}

/** Sends no request unless `probe` is set: the circuit breaker knows the results of recent pulls. */
export function upstreamCheck(upstream: CheckedUpstream, config: HealthConfig['upstreams']): HealthCheck {
  const { intervalMs, timeoutMs, threshold, fatal, probe } = config;
  return {
    name: `upstream_${upstream.name}`,
    consequence: fatal ? 'unhealthy' : 'reported',
    intervalMs,
    threshold,
    timeoutMs,
    async run(signal) {
      if (probe) await upstream.ping({ signal });
      const { breaker } = upstream.status();
      if (breaker !== 'closed') throw new Error(`circuit breaker is ${breaker}`);
    },
    detail: () => upstream.status(),
  };
}
