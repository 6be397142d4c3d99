import type { Command } from 'commander';

import type { CacheOutput } from './cache.ts';
import { type CacheCommandsContext, runOn, type SharedOptions, withTargetOptions } from './cache-commands.ts';
import type { OpenCheckTarget } from './open-cache.ts';

const HELP = `
Follows each name of the lock in storage: tag, index, the locked platforms, their configs and layers, each present, part of
the repository and of the right size. No upstream is called. Prints the missing parts, and exits with 1 if there are any.

  $ layover check images.lock.yaml
  $ layover check images.lock.yaml --referrers --read /etc/layover/config.yml
  $ layover check images.lock.yaml --json --server http://cache.example:5002 --token-file token`;

interface CheckOptions extends SharedOptions {
  readonly read?: boolean;
  readonly referrers?: boolean;
}

/** `check`, of the program and of `bundle` */
export function addCheckCommand(parent: Command, context: CacheCommandsContext): void {
  const check = parent
    .command('check')
    .description('check that the cache has every image of a lock, so that they can be pulled without their upstreams')
    .argument('<lock>', 'written by `layover lock`');
  withTargetOptions(check)
    .option('--read', 'also read all blobs and compare their digests')
    .option('--referrers', 'also check signatures, SBOMs and other attachments')
    .addHelpText('after', HELP)
    .action(
      async (lock: string, file: string | undefined, { read = false, referrers = false, ...options }: CheckOptions) => {
        const { checkCommand } = await import('./check.ts');
        const { openForCheck } = await import('./open-cache.ts');
        const work = (target: OpenCheckTarget, output: CacheOutput) =>
          checkCommand(target, { lock, read, referrers }, output);
        context.end(await runOn(openForCheck, context, { options: { ...options, file }, work }));
      },
    );
}
