import type { Command } from 'commander';

import { type CacheCommandsContext, runOnCache, type SharedOptions, withTargetOption } from './cache-commands.ts';

const HELP = `
The running server lists the tags of the repositories, selects those of the rule, and fetches the images that are new or
moved, which continues when this command ends. It spends the pulls of the budget's class sync. By command, a rule runs at
any time, also outside of its window. Without names, all rules run.

With --wait, the exit code is 1 when an image could not be fetched; the others are.

  $ layover sync base-images --dry-run     what it selects, and what would be fetched
  $ layover sync base-images --wait
  $ layover sync --json --wait`;

interface SyncOptions extends SharedOptions {
  readonly config?: string;
  readonly dryRun?: boolean;
  readonly wait?: boolean;
}

/** `sync`: runs the rules of `proxy.sync`. */
export function addSyncCommand(program: Command, context: CacheCommandsContext): void {
  const sync = program
    .command('sync')
    .description('have the running server fetch the tags that proxy.sync selects')
    .argument('[rules...]', 'names of rules in proxy.sync (default: all)');
  withTargetOption(sync)
    .option('--dry-run', 'show what the rules select and what would be fetched; nothing is')
    .option('--wait', 'wait until all are done, and show the progress')
    .addHelpText('after', HELP)
    .action(async (rules: string[], { config: file, dryRun = false, wait = false, ...shared }: SyncOptions) => {
      const { syncCommand } = await import('./sync.ts');
      context.end(
        await runOnCache(context, { ...shared, file }, (target, output) =>
          syncCommand(target, { rules, dryRun, wait }, output),
        ),
      );
    });
}
