import type { HealthConfig } from '../config/config.ts';
import type { HealthCheck } from './health-check.ts';

/** As much of Redis as its check needs. */
export interface CheckedRedis {
  /** Such as `up`, `read-only` or `down`. */
  readonly state: string;
  /** Whether it answers; takes a bounded time. */
  answers(): Promise<boolean>;
}

/** As much of an upstream as its check needs. */
export interface CheckedUpstream {
  readonly name: string;
  status(): { readonly breaker: 'closed' | 'open' | 'half-open' };
  /** Rejects when it cannot be asked. */
  ping(options: { readonly signal: AbortSignal }): Promise<void>;
}

/** Redis is a tier that may be absent: unless somebody wants it to, its loss fails nothing. */
export function redisCheck(redis: CheckedRedis, config: HealthConfig['redis']): HealthCheck {
  const { intervalMs, threshold, fatal } = config;
  return {
    name: 'redis',
    consequence: fatal ? 'unhealthy' : 'told',
    intervalMs,
    threshold,
    timeoutMs: intervalMs,
    async run() {
      const answers = await redis.answers();
      if (!answers || redis.state !== 'up') throw new Error(answers ? redis.state : 'no answer');
    },
    detail: () => ({ redis: redis.state }),
  };
}

/** Costs the upstream nothing unless it is to be probed: its circuit breaker knows what pulls have met. */
export function upstreamCheck(upstream: CheckedUpstream, config: HealthConfig['upstreams']): HealthCheck {
  const { intervalMs, timeoutMs, threshold, fatal, probe } = config;
  return {
    name: `upstream_${upstream.name}`,
    consequence: fatal ? 'unhealthy' : 'told',
    intervalMs,
    threshold,
    timeoutMs,
    async run(signal) {
      if (probe) await upstream.ping({ signal });
      const { breaker } = upstream.status();
      if (breaker !== 'closed') throw new Error(`not asked for now: its circuit breaker is ${breaker}`);
    },
    detail: () => upstream.status(),
  };
}
