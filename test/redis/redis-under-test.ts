import type { RedisConnectionOptions } from '../../src/redis/options.ts';
import { createRedis } from '../../src/redis/create-redis.ts';
import type { Redis, RedisEvents, RedisOperation, RedisState } from '../../src/redis/redis.ts';
import { missingPrograms } from '../support/programs.ts';
import { until } from '../support/redis.ts';

/** Absent when the tests can run. */
export const missing = (await missingPrograms(['redis-server'])).length > 0 ? 'no redis-server' : undefined;

export const READ: RedisOperation = { name: 'TestRead', writes: false, patience: 'pull' };
/** For tests that do not depend on the deadline. */
const SETTLED_WRITE: RedisOperation = { name: 'TestWrite', writes: true, patience: 'background' };
const SETTLED_READ: RedisOperation = { name: 'TestRead', writes: false, patience: 'background' };

export function configFor(address: string, more: Partial<RedisConnectionOptions> = {}): RedisConnectionOptions {
  return {
    topology: { kind: 'standalone', address: toAddress(address) },
    username: undefined,
    password: undefined,
    database: 0,
    clientName: undefined,
    identity: '',
    protocol: 3,
    tls: undefined,
    connectTimeoutMs: 1_000,
    readTimeoutMs: 1_000,
    deadlineMs: 20,
    maxRedirects: 3,
    ...more,
  };
}

export function toAddress(address: string): { host: string; port: number } {
  const [host = '', port] = address.split(':');
  return { host, port: Number(port) };
}

/** A connection, with the events that it reported. */
export interface RedisUnderTest extends AsyncDisposable {
  readonly redis: Redis;
  /** Every state, in order. */
  readonly states: readonly RedisState[];
  readonly reasons: readonly (string | undefined)[];
  readonly failures: readonly string[];
  becomes(state: RedisState): Promise<void>;
  set(key: string, value: string): Promise<'OK' | 'fallback' | null>;
  get(key: string): Promise<string | null>;
}

export async function connect(config: RedisConnectionOptions): Promise<RedisUnderTest> {
  const states: RedisState[] = [];
  const reasons: (string | undefined)[] = [];
  const failures: string[] = [];
  const events: RedisEvents = {
    redisChanged({ state, reason }) {
      states.push(state);
      reasons.push(reason);
    },
    redisCalled: ({ failure }) => void (failure && failures.push(failure)),
  };
  const redis = await createRedis(config, { events });
  return {
    redis,
    states,
    reasons,
    failures,
    becomes: (state) => until(() => redis.state === state),
    set: (key, value) => redis.call(SETTLED_WRITE, (commands) => commands.set(key, value), 'fallback' as const),
    get: (key) => redis.call(SETTLED_READ, (commands) => commands.get(key), 'fallback'),
    [Symbol.asyncDispose]: () => redis.close(),
  };
}

/** Calls until `isOver` returns true. @returns the longest duration of a call, in milliseconds */
export async function longestCall(redis: Redis, isOver: () => boolean): Promise<number> {
  let longest = 0;
  while (!isOver()) {
    const startedAt = performance.now();
    await redis.call(READ, (commands) => commands.get('some-key'), undefined);
    longest = Math.max(longest, performance.now() - startedAt);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return longest;
}
