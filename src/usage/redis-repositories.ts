import { redisKeys } from '../redis/keys.ts';
import type { RedisCommands } from '../redis/redis.ts';
import { READ, type RedisIndexCalls, WRITE } from './redis-index-calls.ts';
import { addSumsScript, checkSumsScript } from './redis-index-scripts.ts';
import type { RepositoriesQuery, RepositorySums } from './usage-index.ts';

/** Repositories whose sums are added by one script. */
const ADDED = 20;

/** Sums over the references of each repository in Redis, and the orders of repositories by use and by size. */
export class RedisRepositories {
  readonly #calls: RedisIndexCalls;
  readonly #prefix = redisKeys.index();
  #adding: Promise<void> | undefined;

  constructor(calls: RedisIndexCalls) {
    this.#calls = calls;
  }

  async page(query: RepositoriesQuery): Promise<RepositorySums[]> {
    await this.#complete();
    const names = await (query.order === 'name' ? this.#byName(query) : this.#byRank(query));
    return (await this.#sumsOfAll(names)).filter((sums) => sums !== undefined);
  }

  async find(repository: string): Promise<RepositorySums | undefined> {
    await this.#complete();
    return (await this.#sumsOfAll([repository]))[0];
  }

  #byName({ after, from = '', limit }: RepositoriesQuery): Promise<string[]> {
    const start = after ? `(${after.repository}` : from === '' ? '-' : `[${from}`;
    return this.#read((commands) =>
      commands.zrangebylex(`${this.#prefix}:repositories`, start, '+', 'LIMIT', 0, limit),
    );
  }

  async #byRank({ order, after, limit }: RepositoriesQuery): Promise<string[]> {
    const key = `${this.#prefix}:${order === 'used' ? 'used' : 'sizes'}`;
    const start = after ? await this.#rankAfter(key, after, order === 'used' ? after.lastUsedAt : after.bytes) : 0;
    return this.#read((commands) => commands.zrevrange(key, start, start + limit - 1));
  }

  /** The place of a repository that has moved since is where it was. */
  async #rankAfter(key: string, { repository }: RepositorySums, value: number): Promise<number> {
    const [score, rank, before] = await this.#read((commands) =>
      Promise.all([
        commands.zscore(key, repository),
        commands.zrevrank(key, repository),
        commands.zcount(key, `(${value}`, '+inf'),
      ]),
    );
    return rank !== null && Number(score) === value ? rank + 1 : before;
  }

  async #sumsOfAll(names: readonly string[]): Promise<(RepositorySums | undefined)[]> {
    const found = await this.#read((commands) =>
      Promise.all(
        names.map((name) =>
          Promise.all([
            commands.zscore(`${this.#prefix}:sizes`, name),
            commands.zscore(`${this.#prefix}:used`, name),
            commands.hget(`${this.#prefix}:manifests`, name),
          ]),
        ),
      ),
    );
    return found.map(([bytes, lastUsedAt, manifests], i) =>
      lastUsedAt === null
        ? undefined
        : {
            repository: names[i] ?? '',
            manifests: Number(manifests ?? 0),
            bytes: Number(bytes ?? 0),
            lastUsedAt: Number(lastUsedAt),
          },
    );
  }

  async #complete(): Promise<void> {
    const input = { keys: [this.#prefix], args: [] } as const;
    if ((await this.#calls.run(WRITE, checkSumsScript, input)) === 1) return;
    this.#adding ??= this.#addAll().finally(() => (this.#adding = undefined));
    await this.#adding;
  }

  async #addAll(): Promise<void> {
    for (let after: string | undefined; ; ) {
      const start = after === undefined ? '-' : `(${after}`;
      const names = await this.#read((commands) =>
        commands.zrangebylex(`${this.#prefix}:repositories`, start, '+', 'LIMIT', 0, ADDED),
      );
      if (names.length > 0) await this.#calls.run(WRITE, addSumsScript, { keys: [this.#prefix], args: names });
      after = names.at(-1);
      if (names.length < ADDED) return;
    }
  }

  #read<T>(work: (commands: RedisCommands) => Promise<T>): Promise<T> {
    return this.#calls.call(READ, work);
  }
}
