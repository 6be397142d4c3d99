import type { Command } from 'commander';

import { type CacheCommandsContext, runOnCache, type SharedOptions, withTargetOptions } from './cache-commands.ts';

const OPEN_HELP = `
Prints a link to the dashboard of the running server that signs one browser in, with all rights. It is valid once, for a
minute. It connects like \`layover cache\`.

  $ layover open
  $ layover open --browser`;

/** `open`: signs in to the dashboard. */
export function addOpenCommand(program: Command, context: CacheCommandsContext): void {
  withTargetOptions(program.command('open').description('print a link that signs a browser in to the dashboard'))
    .option('--browser', 'open it in a browser as well')
    .addHelpText('after', OPEN_HELP)
    .action(async (file: string | undefined, { browser = false, ...shared }: SharedOptions & { browser?: boolean }) => {
      const { openDashboard } = await import('./open-dashboard.ts');
      const code = await runOnCache(context, { ...shared, file }, (target, output) =>
        openDashboard(target, { browser }, output),
      );
      context.end(code);
    });
}
