import type { Command } from 'commander';

import {
  type CacheCommandsContext,
  type Run,
  runOnCache,
  type SharedOptions,
  withTargetOption,
} from './cache-commands.ts';

const HELP = `
Of upstreams with private.access, a client gets a private repository when the upstream lets it read the repository. Each
decision counts for a while. These commands connect to the running server, like \`layover cache\`.

  $ layover access list --names 'ghcr.io/acme/**'
  $ layover access check ghcr.io/acme/app:1 --as alice    what a request of alice would get
  $ layover access forget 'ghcr.io/acme/**'               decide again, after a right was granted or withdrawn
  $ layover access forget '**' --identity acmebot`;

interface TargetOptions extends SharedOptions {
  readonly config?: string;
}

/** `access …`: who may read private repositories. */
export function addAccessCommands(program: Command, context: CacheCommandsContext): void {
  const access = program
    .command('access')
    .description('show who may read private repositories')
    .addHelpText('after', HELP);
  addList(access, context);
  addCheck(access, context);
  addForget(access, context);
}

function addList(access: Command, context: CacheCommandsContext): void {
  const list = access.command('list').description('list the decisions that are kept, newest first');
  withTargetOption(list)
    .option('--names <glob>', 'only repositories with these names')
    .option('--limit <n>', 'maximum number of rows', Number, 100)
    .action(async ({ names, limit, ...options }: TargetOptions & { names?: string; limit: number }) => {
      const { listDecisions } = await import('./access.ts');
      await run(context, options, (target, output) => listDecisions(target, { names, limit }, output));
    });
}

function addCheck(access: Command, context: CacheCommandsContext): void {
  const check = access
    .command('check')
    .description('decide as for a request, by a query to the upstream if necessary; exit code 1 if it is refused')
    .argument('<name>', 'an image or a repository, such as ghcr.io/acme/app:1');
  withTargetOption(check)
    .option('--as <user>', 'name of the client (default: an anonymous one)')
    .action(async (name: string, { as: user, ...options }: TargetOptions & { as?: string }) => {
      const { checkAccess } = await import('./access.ts');
      await run(context, options, (target, output) => checkAccess(target, { name, user }, output));
    });
}

function addForget(access: Command, context: CacheCommandsContext): void {
  const forget = access
    .command('forget')
    .description('remove decisions, on all replicas: the next requests are decided again')
    .argument('<names>', 'a glob for stored names of repositories');
  withTargetOption(forget)
    .option('--identity <name>', 'only of this account, as in `access list`')
    .action(async (names: string, { identity, ...options }: TargetOptions & { identity?: string }) => {
      const { forgetDecisions } = await import('./access.ts');
      await run(context, options, (target, output) => forgetDecisions(target, { names, identity }, output));
    });
}

async function run(context: CacheCommandsContext, { config, ...options }: TargetOptions, command: Run): Promise<void> {
  context.end(await runOnCache(context, { ...options, file: config }, command));
}
