import type { RedisConfig } from '../../config/config.ts';
import { createClient, loadTls } from '../../redis/client.ts';
import { type Check, type CheckResult, type DoctorContext, failed, ok, reasonOf, warning } from '../check.ts';

/** Of a ping; a pull waits for a few. Milliseconds. */
const MAX_PING_MS = 20;

export function indexChecks({ loaded }: DoctorContext): readonly Check[] {
  const redis = loaded?.config.redis;
  return redis ? [{ name: 'redis', run: (signal) => checkRedis(redis, signal) }] : [];
}

async function checkRedis(config: RedisConfig, signal: AbortSignal): Promise<CheckResult> {
  const remedy =
    'check redis.addr, redis.password and redis.tls, and that Redis runs; pulls work without it, more slowly';
  const failure = (reason: string) => failed(`redis: ${reason}`, remedy, 'redis-does-not-respond');
  const client = createClient(config, await loadTls(config.tls));
  const errors: string[] = [];
  client.on('error', (err: unknown) => errors.push(reasonOf(err)));
  try {
    await ready(client, signal, errors);
    const start = performance.now();
    await client.ping();
    const ms = performance.now() - start;
    const info = await client.info();
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    const version = /^redis_version:(\S+)/m.exec(info)?.[1];
    if (policy !== undefined && policy !== 'noeviction') {
      const text = `redis: maxmemory-policy is ${policy}, so entries of the index disappear`;
      return warning(text, 'set maxmemory-policy noeviction in redis.conf', 'redis-evicts-keys');
    }
    const text = `version ${version}, ${Math.ceil(ms)} ms`;
    if (ms <= MAX_PING_MS) return ok(text);
    return warning(text, 'use a Redis in the same network', 'redis-does-not-respond');
  } catch (err) {
    return failure(errors.at(-1) ?? reasonOf(err));
  } finally {
    client.disconnect();
  }
}

/** @throws when it is not ready after the first errors, or in time */
function ready(client: ReturnType<typeof createClient>, signal: AbortSignal, errors: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = () => reject(new Error(errors.at(-1) ?? 'no connection'));
    client.once('ready', resolve);
    client.once('error', fail);
    client.once('close', fail);
    signal.addEventListener('abort', fail, { once: true });
  });
}
