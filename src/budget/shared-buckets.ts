import { redisKeys } from '../redis/keys.ts';
import type { Redis, RedisOperation } from '../redis/redis.ts';
import { createScript, runScript } from '../redis/scripts.ts';
import { type Bucket, merged, NEW_BUCKET, windowOf } from './bucket.ts';
import { type Buckets, type Change, LocalBuckets } from './buckets.ts';

const READ: RedisOperation = { name: 'BudgetRead', writes: false, patience: 'pull' };
const WRITE: RedisOperation = { name: 'BudgetWrite', writes: true, patience: 'pull' };

/** Writes of other replicas in a row, after which this one spends by what it knows. */
const MAX_CONFLICTS = 10;

/** Sets the state when its version is still the one that was read. */
const REPLACE = createScript(`
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', version + 1, 'state', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`);

interface Read {
  readonly version: string;
  readonly bucket: Bucket;
}

/** Buckets that replicas have in common. While Redis is unavailable, each replica spends by what it knows. */
export class SharedBuckets implements Buckets {
  readonly #redis: Redis;
  readonly #upstream: string;
  readonly #local = new LocalBuckets();
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
  }

  async #update<T>(key: string, change: Change<T>): Promise<T> {
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
      const read = await this.#read(key);
      if (read === undefined) break;
      const [bucket, result] = change(read.bucket);
      const isWritten = await this.#write(key, read.version, bucket);
      if (isWritten === 'conflict') continue;
      this.#local.set(key, bucket);
      return result;
    }
    return this.#local.update(key, change);
  }

  /** Undefined while Redis is unavailable. */
  async #read(key: string): Promise<Read | undefined> {
    const fields = await this.#redis.call(
      READ,
      (commands) => commands.hmget(this.#keyOf(key), 'version', 'state'),
      undefined,
    );
    if (fields === undefined) return undefined;
    const [version, state] = fields;
    const bucket = state ? parseBucket(state) : undefined;
    return { version: version ?? '0', bucket: bucket ?? this.#local.peek(key) };
  }

  #write(key: string, version: string, bucket: Bucket): Promise<'written' | 'conflict' | 'unavailable'> {
    const args = [version, JSON.stringify(bucket), 2 * windowOf(bucket)];
    return this.#redis.call(
      WRITE,
      async (commands) => {
        const isWritten = await runScript(commands, REPLACE, { keys: [this.#keyOf(key)], args });
        return isWritten === 1 ? 'written' : 'conflict';
      },
      'unavailable' as const,
    );
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
