import { createHash } from 'node:crypto';

import type { RedisCommands } from './redis.ts';

/** A Lua script. All of its keys have the same hash tag. */
export interface RedisScript {
  readonly source: string;
  readonly sha: string;
}

export function createScript(source: string): RedisScript {
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

export interface ScriptInput {
  readonly keys: readonly [string, ...string[]];
  readonly args: readonly (string | number)[];
}

/** Runs a script by its hash. Sends the source only when the server does not have it, as after a restart or failover. */
export async function runScript(
  commands: RedisCommands,
  { source, sha }: RedisScript,
  { keys, args }: ScriptInput,
): Promise<unknown> {
  try {
    return await commands.evalsha(sha, keys.length, ...keys, ...args);
  } catch (err) {
    if (!(err instanceof Error) || !err.message.startsWith('NOSCRIPT')) throw err;
    return commands.eval(source, keys.length, ...keys, ...args);
  }
}
