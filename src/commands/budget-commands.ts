import type { Command } from 'commander';

import type { BudgetOptions } from './budget.ts';
import { type CacheCommandsContext, runOnCache, type SharedOptions, withTargetOptions } from './cache-commands.ts';

const HELP = `
Shows for each account how many pulls an upstream allows, how many are left, when none will be, who spent them, and how
many pulls the cache saved. It connects to the running server, like \`layover cache\`.

  $ layover budget
  $ layover budget --watch --upstream docker.io
  $ layover budget --hold          stop scheduled work now; --release resumes it`;

/** `budget`: the pulls that upstreams allow. */
export function addBudgetCommand(program: Command, context: CacheCommandsContext): void {
  const command = program.command('budget').description('show the pulls that upstreams allow, and who spends them');
  withTargetOptions(command)
    .option('--upstream <name>', 'only this upstream')
    .option('--watch', 'show it again every two seconds, until interrupted')
    .option('--hold', 'stop work that no client waits for')
    .option('--release', 'resume work that no client waits for')
    .addHelpText('after', HELP)
    .action(async (file: string | undefined, options: SharedOptions & BudgetOptions) => {
      const { showBudget } = await import('./budget.ts');
      const { upstream, watch, hold, release, ...shared } = options;
      const code = await runOnCache(context, { ...shared, file }, (target, output) =>
        showBudget(target, { upstream, watch, hold, release }, output),
      );
      context.end(code);
    });
}
