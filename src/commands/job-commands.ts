import type { Command } from 'commander';

import {
  type CacheCommandsContext,
  runOnCache,
  type SharedOptions,
  withTargetOption,
  withTargetOptions,
} from './cache-commands.ts';

const WARM_HELP = `
The running server fetches the images through its cache, which continues when this command ends. It spends the pulls of
the budget's class warm, and evicts nothing that clients used today. Lists are those of \`layover lock\`.

With --wait, the exit code is 1 when an image is not complete; the others are.

  $ layover warm alpine:3.20 ghcr.io/acme/app:1 --wait
  $ layover warm --from images.txt --platform linux/amd64 --referrers --pin
  $ helm template my-app ./chart | layover warm --from - --wait --json`;

const JOBS_HELP = `
  $ layover jobs                 the current or last run of each job
  $ layover jobs show warm-1     its images
  $ layover jobs stop warm-1`;

interface WarmOptions extends SharedOptions {
  readonly config?: string;
  readonly from?: readonly string[];
  readonly platform?: readonly string[];
  readonly referrers?: true;
  readonly pin?: true;
  readonly wait?: true;
}

export interface JobCommandsContext extends CacheCommandsContext {
  readonly stdin: AsyncIterable<Uint8Array>;
}

/** `warm` and `jobs` */
export function addJobCommands(program: Command, { stdin, ...context }: JobCommandsContext): void {
  const warm = program
    .command('warm')
    .description('have the running server fetch images before clients request them')
    .argument('[images...]', 'names such as alpine:3.20');
  withTargetOption(warm)
    .option('--from <list>', 'file, directory, or - for standard input; repeatable', collect)
    .option(
      '--platform <os/arch[/variant]>',
      'only this platform; repeatable (default: those of a lock, else all)',
      collect,
    )
    .option('--referrers', 'also fetch signatures, SBOMs and other attachments')
    .option('--pin', 'protect the images from expiry and eviction')
    .option('--wait', 'wait until all are done, and show the progress')
    .addHelpText('after', WARM_HELP)
    .action(async (names: string[], { config: file, from = [], platform = [], ...options }: WarmOptions) => {
      const { warmCommand } = await import('./warm.ts');
      const { referrers = false, pin = false, wait = false, ...shared } = options;
      const request = { names, from, platforms: platform, referrers, pin, wait, stdin };
      context.end(
        await runOnCache(context, { ...shared, file }, (target, output) => warmCommand(target, request, output)),
      );
    });
  addJobs(program, context);
}

function addJobs(program: Command, context: CacheCommandsContext): void {
  const jobs = program.command('jobs').description('show, run and stop work on images that no client waits for');
  withTargetOptions(jobs)
    .addHelpText('after', JOBS_HELP)
    .action(async (file: string | undefined, options: SharedOptions) => {
      const { listJobs } = await import('./jobs.ts');
      context.end(await runOnCache(context, { ...options, file }, listJobs));
    });
  addForJob(jobs.command('show').description('show the images of a job'), 'show', context);
  addForJob(jobs.command('run').description('run a configured job now'), 'run', context);
  addForJob(jobs.command('stop').description('end the current run; what it has stored stays'), 'stop', context);
}

function addForJob(command: Command, action: 'show' | 'run' | 'stop', context: CacheCommandsContext): void {
  withTargetOptions(command.argument('<name>', 'of the job'))
    .option('--wait', 'wait until the run has ended, and show its progress')
    .action(async (name: string, file: string | undefined, { wait, ...options }: JobOptions) => {
      const { jobCommand } = await import('./jobs.ts');
      const request = { name, action, wait: wait === true };
      context.end(
        await runOnCache(context, { ...options, file }, (target, output) => jobCommand(target, request, output)),
      );
    });
}

interface JobOptions extends SharedOptions {
  readonly wait?: true;
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
