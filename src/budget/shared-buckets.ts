import { redisKeys } from '../redis/keys.ts';
import type { Redis, RedisCommands, RedisOperation } from '../redis/redis.ts';
import { createScript, runScript } from '../redis/scripts.ts';
import { type Bucket, merged, NEW_BUCKET, windowOf } from './bucket.ts';
import { type Buckets, type Change, LocalBuckets } from './buckets.ts';

const UPDATE: RedisOperation = { name: 'BudgetUpdate', writes: true, patience: 'pull' };

/** Writes of other replicas in a row, after which this one spends by what it knows. */
const MAX_CONFLICTS = 100;

/** Sets the state when its version is still the one that is known; otherwise returns the version and the state. */
const REPLACE = createScript(`
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[1] then return { version, redis.call('HGET', KEYS[1], 'state') or '' } end
redis.call('HSET', KEYS[1], 'version', version + 1, 'state', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return { tostring(version + 1) }
`);

/** Buckets that replicas have in common. While Redis is unavailable, each replica spends by what it knows. */
export class SharedBuckets implements Buckets {
  readonly #redis: Redis;
  readonly #upstream: string;
  readonly #local = new LocalBuckets();
  /** Of the local copies. */
  readonly #versions = new Map<string, string>();
  /** The last update of each key: they follow each other, so that only other replicas can conflict. */
  readonly #updates = new Map<string, Promise<unknown>>();

  constructor(redis: Redis, upstream: string) {
    this.#redis = redis;
    this.#upstream = upstream;
  }

  peek(key: string): Bucket {
    return this.#local.peek(key);
  }

  update<T>(key: string, change: Change<T>): Promise<T> {
    const before = this.#updates.get(key) ?? Promise.resolve();
    const update = before.then(() => this.#update(key, change));
    const settled = update.catch(() => undefined);
    this.#updates.set(key, settled);
    void settled.then(() => this.#updates.get(key) === settled && this.#updates.delete(key));
    return update;
  }

  async rename(from: string, to: string): Promise<void> {
    const before = this.#local.peek(from);
    if (before === NEW_BUCKET) return;
    await this.update(to, (bucket) => [merged(before, bucket), undefined]);
  }

  keep(keys: readonly string[]): void {
    this.#local.keep(keys);
    for (const key of this.#versions.keys()) if (!keys.includes(key)) this.#versions.delete(key);
  }

  async #update<T>(key: string, change: Change<T>): Promise<T> {
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
      const [bucket, result] = change(this.#local.peek(key));
      const reply = await this.#replace(key, bucket);
      if (reply === undefined) break;
      const [version = '0', state] = reply;
      this.#versions.set(key, version);
      const isWritten = state === undefined;
      const current = isWritten ? bucket : parseBucket(state);
      if (current) this.#local.set(key, current);
      if (isWritten) return result;
    }
    return this.#local.update(key, change);
  }

  /** @returns the new version; the version and state of another replica; undefined while Redis is unavailable */
  #replace(key: string, bucket: Bucket): Promise<readonly string[] | undefined> {
    const args = [this.#versions.get(key) ?? '0', JSON.stringify(bucket), 2 * windowOf(bucket)];
    const run = async (commands: RedisCommands) =>
      (await runScript(commands, REPLACE, { keys: [this.#keyOf(key)], args })) as readonly string[];
    return this.#redis.call(UPDATE, run, undefined);
  }

  #keyOf(key: string): string {
    return redisKeys.budget(this.#upstream, key);
  }
}

/** Undefined for a value that is not a bucket, as of another version. */
function parseBucket(state: string): Bucket | undefined {
  try {
    const parsed = JSON.parse(state) as Partial<Bucket> | null;
    const isBucket =
      Array.isArray(parsed?.spends) && typeof parsed?.open === 'number' && typeof parsed.count === 'number';
    return isBucket ? (parsed as Bucket) : undefined;
  } catch {
    return undefined;
  }
}
