import type { DescriptorCacheEvents } from '../cache/descriptor-cache.ts';
import type { RedisEvents } from '../redis/redis.ts';
import type { Log } from './log.ts';
import type { HistogramCell } from './metric-family.ts';
import type { Metrics } from './metrics.ts';

type Event<Name extends keyof RedisEvents> = Parameters<RedisEvents[Name]>[0];

/** Redis and the descriptors cached in it, as metrics and log lines. */
export class RedisTelemetry implements RedisEvents, DescriptorCacheEvents {
  readonly #log: Log;
  readonly #metrics: Metrics;
  /** Operations whose rejection has been logged. */
  readonly #rejected = new Set<string>();
  readonly #seconds = new Map<string, HistogramCell>();

  constructor(log: Log, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  redisChanged({ state, reason }: Event<'redisChanged'>): void {
    this.#metrics.redisUp.at().value = state === 'up' ? 1 : 0;
    if (state === 'up') this.#log.info({}, 'Redis available');
    else if (state === 'read-only') this.#log.warn({ reason }, 'Redis read-only: nothing new is shared');
    else this.#log.warn({ reason }, 'Redis unavailable: continuing without it');
  }

  redisCalled({ operation, durationMs, failure, reason }: Event<'redisCalled'>): void {
    this.#secondsOf(operation).observe(durationMs / 1000);
    if (failure === undefined) return;
    this.#metrics.redisErrors.at(operation, failure).value++;
    if (failure !== 'rejected' || this.#rejected.has(operation)) return;
    this.#rejected.add(operation);
    this.#log.warn({ operation, reason }, 'Redis command rejected (logged once)');
  }

  descriptorLookedUp(result: 'hit' | 'miss' | 'error'): void {
    this.#metrics.descriptorRequests.value++;
    if (result === 'hit') this.#metrics.descriptorHits.value++;
    if (result === 'error') this.#metrics.descriptorErrors.value++;
  }

  sharedCacheAccessed({ operation, durationMs }: Parameters<DescriptorCacheEvents['sharedCacheAccessed']>[0]): void {
    this.#metrics.descriptorSeconds.at(operation).observe(durationMs / 1000);
  }

  #secondsOf(operation: string): HistogramCell {
    let cell = this.#seconds.get(operation);
    if (cell === undefined) {
      cell = this.#metrics.redisSeconds.at(operation);
      this.#seconds.set(operation, cell);
    }
    return cell;
  }
}
