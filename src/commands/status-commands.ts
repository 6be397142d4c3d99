import type { Command } from 'commander';

import { type CacheCommandsContext, runOnCache, type SharedOptions, withTargetOptions } from './cache-commands.ts';
import { parseCount } from './parse-count.ts';

const STATUS_HELP = `
Shows the state of the running server in a sentence, with hit ratio, saved bytes, disk, upstreams and problems. It
connects like \`layover cache\`. Exit code: 0 working or idle, 1 failing or not running, 2 degraded or offline.

  $ layover status
  $ layover status --json --server http://cache.example:5002 --token-file token`;

const TOP_HELP = `
Shows requests, fills and clients of the running server as they change, until interrupted. Without a terminal it prints
one block of lines for each interval.

  $ layover top
  $ layover top --interval 5 --count 1 | head`;

/** `status` and `top`: what a running server does. */
export function addStatusCommands(program: Command, context: CacheCommandsContext): void {
  withTargetOptions(program.command('status').description('show the state of the running server on one screen'))
    .addHelpText('after', STATUS_HELP)
    .action(async (file: string | undefined, options: SharedOptions) => {
      const { showStatus } = await import('./status.ts');
      context.end(await runOnCache(context, { ...options, file }, showStatus));
    });
  withTargetOptions(program.command('top').description('watch requests, fills and clients of the running server'))
    .option('--interval <seconds>', 'time between two views', Number, 2)
    .option('--count <n>', 'end after so many views', parseCount)
    .addHelpText('after', TOP_HELP)
    .action(async (file: string | undefined, options: SharedOptions & { interval: number; count?: number }) => {
      const { interval, count, ...shared } = options;
      const { watchServer } = await import('./top.ts');
      const code = await runOnCache(context, { ...shared, file }, (target, output) =>
        watchServer(target, { intervalMs: interval * 1_000, count }, output),
      );
      context.end(code);
    });
}
