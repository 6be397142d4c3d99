import type { RedisOperation } from '../redis/redis.ts';
import { READ, type RedisIndexCalls } from './redis-index-calls.ts';
import type { TextTable } from './text-table.ts';

/** A client may be waiting for the text. */
const READ_TEXT: RedisOperation = { name: 'IndexText', writes: false, patience: 'pull' };
const WRITE_TEXT: RedisOperation = { name: 'IndexText', writes: true, patience: 'pull' };
const PAGE = 200;

/** A table for texts, as a hash of Redis. */
export class RedisTexts implements TextTable {
  readonly #calls: RedisIndexCalls;
  readonly #key: string;

  constructor(calls: RedisIndexCalls, key: string) {
    this.#calls = calls;
    this.#key = key;
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.#calls.call(READ_TEXT, (commands) => commands.hget(this.#key, key))) ?? undefined;
  }

  async set(key: string, text: string): Promise<void> {
    await this.#calls.call(WRITE_TEXT, (commands) => commands.hset(this.#key, key, text));
  }

  async remove(key: string): Promise<boolean> {
    return (await this.#calls.call(WRITE_TEXT, (commands) => commands.hdel(this.#key, key))) === 1;
  }

  async *entries(): AsyncGenerator<readonly [string, string], void, void> {
    let cursor = '0';
    do {
      const at = cursor;
      const [next, page] = await this.#calls.call(READ, (commands) => commands.hscan(this.#key, at, 'COUNT', PAGE));
      for (let i = 0; i + 1 < page.length; i += 2) yield [page[i] ?? '', page[i + 1] ?? ''];
      cursor = next;
    } while (cursor !== '0');
  }
}
