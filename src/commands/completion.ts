import { setTimeout as delay } from 'node:timers/promises';

import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';

import type { Environment } from '../config/environment.ts';
import { findServer } from './open-cache.ts';

/** Commands whose argument is the name of stored content. */
const NAMED: readonly string[] = ['cache evict', 'cache pin', 'cache refresh', 'cache show'];
/** A person waits. Milliseconds. */
const PATIENCE_MS = 300;
const MAX_NAMES = 500;

/** `completion <shell>`, and `complete -- …`, which the scripts of shells call. @param args of the program */
export async function addCompletion(program: Command, args: readonly string[], env: Environment): Promise<void> {
  const words = args.slice(args.indexOf('--') + 1);
  const isNamed = args[0] === 'complete' && NAMED.includes(words.slice(0, 2).join(' '));
  const names = isNamed ? await Promise.race([storedNames(words, env).catch(() => []), nothingLater()]) : [];
  const completion = tab(program, { completionCommandName: 'completion' });
  for (const command of NAMED) {
    const [argument] = completion.commands.get(command)?.arguments.values() ?? [];
    if (argument) argument.handler = (complete) => names.forEach((name) => complete(name, ''));
  }
}

async function nothingLater(): Promise<readonly string[]> {
  return delay(PATIENCE_MS, [], { ref: false });
}

/** Of the running server. */
async function storedNames(words: readonly string[], env: Environment): Promise<readonly string[]> {
  const at = words.indexOf('--config');
  const server = await findServer({ file: at === -1 ? undefined : words[at + 1], env });
  const page = await server?.control.list({ limit: MAX_NAMES });
  return (page?.entries ?? []).flatMap(({ repository, tags }) => tags.map((tag) => `${repository}:${tag}`));
}
