import { redisKeys } from '../redis/keys.ts';
import type { Redis, RedisCommands, RedisOperation } from '../redis/redis.ts';
import { createScript, runScript } from '../redis/scripts.ts';
import type { Decision } from './decision.ts';
import type { NamedDecision } from './decisions.ts';
import type { SharedDecisions } from './upstream-access.ts';

const READ: RedisOperation = { name: 'AccessRead', writes: false, patience: 'pull' };
const WRITE: RedisOperation = { name: 'AccessWrite', writes: true, patience: 'background' };
const LIST: RedisOperation = { name: 'AccessList', writes: false, patience: 'background' };

const MAX_ENTRIES = 200_000;
const PAGE = 1_000;

/** Arguments: field, value, when it ends, now, the most fields. A few that have ended are removed with each write. */
const keepScript = createScript(`
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
local ended = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[4], 'LIMIT', 0, 100)
if redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[5]) then ended = redis.call('ZRANGE', KEYS[2], 0, 99) end
for _, field in ipairs(ended) do
  redis.call('HDEL', KEYS[1], field)
  redis.call('ZREM', KEYS[2], field)
end
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2] or ARGV[3]
redis.call('PEXPIREAT', KEYS[1], last)
return redis.call('PEXPIREAT', KEYS[2], last)`);

/** The decisions about one upstream that replicas share. While Redis is unavailable, each replica decides for itself. */
export class RedisDecisions implements SharedDecisions {
  readonly #redis: Redis;
  readonly #now: () => number;
  readonly #keys: readonly [decisions: string, ends: string];

  constructor(redis: Redis, upstream: string, now: () => number) {
    this.#redis = redis;
    this.#now = now;
    this.#keys = [redisKeys.access(upstream), redisKeys.accessEnds(upstream)];
  }

  async find(repository: string, subject: string): Promise<Decision | undefined> {
    const [key] = this.#keys;
    const text = await this.#redis.call(READ, (it) => it.hget(key, fieldOf({ repository, subject })), undefined);
    return parseDecision(text ?? '');
  }

  async keep(named: NamedDecision, forMs: number): Promise<void> {
    const now = this.#now();
    const { isAllowed, decidedAt, until } = named.decision;
    const value = `${isAllowed ? 1 : 0} ${Math.round(decidedAt)} ${Math.round(until)}`;
    const args = [fieldOf(named), value, Math.round(now + forMs), Math.round(now), MAX_ENTRIES];
    await this.#redis.call(WRITE, (it) => runScript(it, keepScript, { keys: this.#keys, args }), undefined);
  }

  async all(): Promise<readonly NamedDecision[]> {
    const found: NamedDecision[] = [];
    for await (const page of this.#pages()) found.push(...page);
    return found;
  }

  async remove(isRemoved: (named: NamedDecision) => boolean): Promise<number> {
    let removed = 0;
    for await (const page of this.#pages()) {
      const fields = page.filter(isRemoved).map(fieldOf);
      if (fields.length === 0) continue;
      const [decisions, ends] = this.#keys;
      await this.#redis.call(WRITE, (it) => Promise.all([it.hdel(decisions, ...fields), it.zrem(ends, ...fields)]), []);
      removed += fields.length;
    }
    return removed;
  }

  async *#pages(): AsyncGenerator<readonly NamedDecision[]> {
    const [key] = this.#keys;
    for (let cursor = '0'; ; ) {
      const scan = (it: RedisCommands) => it.hscan(key, cursor, 'COUNT', PAGE);
      const [next, flat] = await this.#redis.call(LIST, scan, ['0', []] as [string, string[]]);
      yield pairsOf(flat).flatMap(([field, value]) => parseEntry(field, value));
      if (next === '0') return;
      cursor = next;
    }
  }
}

/** Neither part can contain a line feed after this. */
function fieldOf({ repository, subject }: Pick<NamedDecision, 'repository' | 'subject'>): string {
  return `${encodeURIComponent(subject)}\n${repository}`;
}

function parseEntry(field: string, value: string): NamedDecision[] {
  const [subject = '', repository] = field.split('\n');
  const decision = parseDecision(value);
  return decision && repository !== undefined ? [{ subject: decodeURIComponent(subject), repository, decision }] : [];
}

/** Undefined for a value that is not one, as of another version. */
function parseDecision(text: string): Decision | undefined {
  const [, isAllowed, decidedAt, until] = /^([01]) (\d{1,15}) (\d{1,15})$/.exec(text) ?? [];
  if (isAllowed === undefined) return undefined;
  return { isAllowed: isAllowed === '1', decidedAt: Number(decidedAt), until: Number(until) };
}

function pairsOf(flat: readonly string[]): (readonly [string, string])[] {
  return flat.flatMap((text, i) => (i % 2 === 0 ? [[text, flat[i + 1] ?? ''] as const] : []));
}
