import type { Command } from 'commander';

import { type CacheCommandsContext, runOnCache, type SharedOptions, withTargetOption } from './cache-commands.ts';

const HELP = `
From now on, no client gets the content: a manifest or blob with the digest is not served, fetched, pushed or imported,
by any tag, in any repository, on any replica with the same storage. It stays stored. The digest of an index refuses the index,
not its images: recall these too, or the digest of a layer. Then it is listed who has pulled it.

  $ layover recall sha256:0fd1… --reason 'CVE-2026-1234, use 1.2.3' --config config.yml
  $ layover recall --list --server unix:/data/layover/admin.sock
  $ layover recall --lift sha256:0fd1… --config config.yml`;

interface RecallOptions extends SharedOptions {
  readonly config?: string;
  readonly reason?: string;
  readonly lift?: true;
  readonly list?: true;
}

/** `recall`: content that no client may get any more. */
export function addRecallCommands(program: Command, context: CacheCommandsContext): void {
  const recall = program
    .command('recall')
    .description('refuse content to all clients, and list who has pulled it')
    .argument('[digests...]', 'digests of manifests, or of layers');
  withTargetOption(recall)
    .option('--reason <text>', 'for clients that request it')
    .option('--lift', 'serve it again')
    .option('--list', 'list what is denied')
    .addHelpText('after', HELP)
    .action(async (digests: string[], { config, reason, lift, list, ...options }: RecallOptions) => {
      if ((list ?? false) === digests.length > 0 || (list && lift))
        return recall.error('error: give the digests to recall, or --list', { exitCode: 2 });
      const { liftRecalls, listDenied, recallContent } = await import('./recall.ts');
      context.end(
        await runOnCache(context, { ...options, file: config, existing: true }, (target, output) => {
          if (list) return listDenied(target, output);
          return lift ? liftRecalls(target, digests, output) : recallContent(target, { digests, reason }, output);
        }),
      );
    });
}
