import type { Command } from 'commander';

import {
  type CacheCommandsContext,
  type Run,
  runOnCache,
  type SharedOptions,
  withTargetOption,
} from './cache-commands.ts';

const HELP = `
The rules are those of policy.admission, in the running server. Names are stored names, as in \`cache list\`.

  $ layover policy check docker.io/acme/app:1.2 --explain
  $ layover policy list --held
  $ layover policy release docker.io/library/nginx@sha256:0fd1… --reason 'fixes CVE-2026-1234'`;

interface PolicyOptions extends SharedOptions {
  readonly config?: string;
}

/** `policy …`: which images clients get. */
export function addPolicyCommands(program: Command, context: CacheCommandsContext): void {
  const policy = program
    .command('policy')
    .description('check which images clients get, and release those that are held')
    .addHelpText('after', HELP);
  const run = async ({ config, ...options }: PolicyOptions, work: Run) =>
    context.end(await runOnCache(context, { ...options, file: config, existing: true }, work));

  const check = policy
    .command('check')
    .description('decide about an image now, without effects; exit code 1 when clients do not get it')
    .argument('<name>', 'repository:tag or repository@digest');
  withTargetOption(check)
    .option('--explain', 'list its signatures, and why they are not accepted')
    .action(async (name: string, { explain = false, ...options }: PolicyOptions & { readonly explain?: boolean }) => {
      const { checkPolicy } = await import('./policy.ts');
      await run(options, (target, output) => checkPolicy(target, { name, explain }, output));
    });
  const diff = policy
    .command('diff')
    .description('list images that were admitted before the rules changed, and are refused now');
  withTargetOption(diff).action(async (options: PolicyOptions) => {
    const { diffPolicy } = await import('./policy.ts');
    await run(options, diffPolicy);
  });
  const list = policy.command('list').description('list content that clients do not get now');
  withTargetOption(list)
    .option('--held', 'held by its age, or refused (the default)')
    .action(async ({ held: _held, ...options }: PolicyOptions & { readonly held?: boolean }) => {
      const { listHeld } = await import('./policy.ts');
      await run(options, listHeld);
    });
  const release = policy
    .command('release')
    .description('end the minimum age for a digest')
    .argument('<name>', 'repository@digest');
  withTargetOption(release)
    .requiredOption('--reason <text>', 'why; it is logged and kept')
    .action(async (name: string, { reason, ...options }: PolicyOptions & { readonly reason: string }) => {
      const { releaseContent } = await import('./policy.ts');
      await run(options, (target, output) => releaseContent(target, { name, reason }, output));
    });
}
