import { ControlError } from '../operations/control-error.ts';
import { redisKeys } from '../redis/keys.ts';
import type { Redis, RedisCommands, RedisOperation } from '../redis/redis.ts';
import { createScript, runScript } from '../redis/scripts.ts';
import { fromRow, toRow } from './pull-codec.ts';
import {
  parsePullId,
  type PullStore,
  type PullsToWrite,
  type ReadQuery,
  type StoredPull,
  type TrimOptions,
} from './pull-store.ts';

const READ: RedisOperation = { name: 'PullsRead', writes: false, patience: 'background' };
const WRITE: RedisOperation = { name: 'PullsWrite', writes: true, patience: 'background' };

/** Records in one script: about 5 µs each, in which Redis does nothing else. */
const SLICE = 100;
/** How long a batch that was written is known. Milliseconds. */
const WRITTEN_MS = 600_000;

/** Arguments: id of the slice, how long it is known, how long the stream stays, records. */
const appendScript = createScript(`
  if not redis.call('SET', KEYS[1] .. ':written:' .. ARGV[1], 1, 'NX', 'PX', ARGV[2]) then return 0 end
  for i = 4, #ARGV do redis.call('XADD', KEYS[1], '*', 'r', ARGV[i]) end
  return redis.call('PEXPIRE', KEYS[1], ARGV[3])`);
/** Share of the limit to which the oldest records are removed, so that not every batch removes some. */
const LOW = 0.95;
/** Where the server does not allow `MEMORY USAGE`. Bytes. */
const ASSUMED_BYTES = 400;

const UNAVAILABLE = Symbol('unavailable');

/** Records of all replicas, in a stream of Redis. */
export class RedisPulls implements PullStore {
  readonly #redis: Redis;
  readonly #keepMs: number;
  readonly #key = redisKeys.pulls();

  /** @param options.keepMs without pulls, all records expire after it */
  constructor(redis: Redis, { keepMs }: { readonly keepMs: number }) {
    this.#redis = redis;
    this.#keepMs = keepMs;
  }

  async append({ id, records }: PullsToWrite): Promise<void> {
    for (let start = 0; start < records.length; start += SLICE) {
      const rows = records.slice(start, start + SLICE).map((record) => JSON.stringify(toRow(record)));
      const args = [`${id}:${start}`, WRITTEN_MS, this.#keepMs, ...rows];
      await this.#call(WRITE, (commands) => runScript(commands, appendScript, { keys: [this.#key], args }));
    }
  }

  async read({ before, limit }: ReadQuery): Promise<StoredPull[]> {
    const end = before === undefined ? '+' : `(${parsePullId(before).join('-')}`;
    const entries = await this.#call(READ, (commands) => commands.xrevrange(this.#key, end, '-', 'COUNT', limit));
    return entries.map(([id, [, row = '']]) => ({ id, record: fromRow(parseJson(row)) }));
  }

  trim({ keepMs, maxBytes }: TrimOptions): Promise<boolean> {
    return this.#call(WRITE, async (commands) => {
      const [seconds, microseconds] = await commands.time();
      const now = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
      await commands.xtrim(this.#key, 'MINID', Math.max(0, now - keepMs));
      const length = await commands.xlen(this.#key);
      const bytes = await this.#bytes(commands, length);
      if (bytes <= maxBytes) return false;
      await commands.xtrim(this.#key, 'MAXLEN', '~', Math.floor((length * LOW * maxBytes) / bytes));
      return true;
    });
  }

  async #bytes(commands: RedisCommands, length: number): Promise<number> {
    const used = await commands.memory('USAGE', this.#key).catch(() => undefined);
    return used === undefined ? length * ASSUMED_BYTES : (used ?? 0);
  }

  async #call<T>(operation: RedisOperation, work: (commands: RedisCommands) => Promise<T>): Promise<T> {
    const reply = await this.#redis.call(operation, work, UNAVAILABLE);
    if (reply === UNAVAILABLE)
      throw new ControlError('unavailable', `the record of pulls cannot be reached: Redis is ${this.#redis.state}`);
    return reply;
  }

  async close(): Promise<void> {}
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
