import type { Redis, RedisCommands, RedisOperation } from '../redis/redis.ts';
import { type RedisScript, runScript } from '../redis/scripts.ts';
import { IndexUnavailableError } from './index-unavailable.ts';
import { inSlices, type ScriptArguments } from './redis-index-codec.ts';

export const READ: RedisOperation = { name: 'IndexRead', writes: false, patience: 'background' };
export const WRITE: RedisOperation = { name: 'IndexWrite', writes: true, patience: 'background' };
/** A client may be waiting for the link. */
export const LINK: RedisOperation = { name: 'IndexLink', writes: true, patience: 'pull' };

/** References in one script: about 10 µs each, in which Redis does nothing else. */
const SLICE = 50;
/** Scripts in progress at the same time. */
const PIPELINE = 8;
/** References that are read or changed at the same time. */
export const BATCH = SLICE * PIPELINE;

const UNAVAILABLE = Symbol('unavailable');

export interface SlicedItems<T> {
  readonly items: readonly T[];
  readonly toArguments: (item: T) => ScriptArguments;
  /** Arguments before those of the items. */
  readonly first?: ScriptArguments;
}

/** Commands and scripts of the index. Each throws an {@link IndexUnavailableError} when Redis does not respond. */
export class RedisIndexCalls {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  async call<T>(operation: RedisOperation, work: (commands: RedisCommands) => Promise<T>): Promise<T> {
    const reply = await this.#redis.call(operation, work, UNAVAILABLE);
    if (reply === UNAVAILABLE) throw new IndexUnavailableError(`Redis is ${this.#redis.state}`);
    return reply;
  }

  run(operation: RedisOperation, script: RedisScript, input: Parameters<typeof runScript>[2]): Promise<unknown> {
    return this.call(operation, (commands) => runScript(commands, script, input));
  }

  /** Runs a script for some items at a time, so that other commands run in between. */
  async runInSlices<T>(
    script: RedisScript,
    key: string,
    { items, toArguments, first = [] }: SlicedItems<T>,
  ): Promise<void> {
    const inputOf = (slice: readonly T[]) => ({
      keys: [key] as const,
      args: [...first, ...slice.flatMap(toArguments)],
    });
    for (const some of inSlices(items, BATCH)) {
      const slices = [...inSlices(some, SLICE)];
      await this.call(WRITE, (commands) =>
        Promise.all(slices.map((slice) => runScript(commands, script, inputOf(slice)))),
      );
    }
  }
}
