import { type Command, InvalidArgumentError } from 'commander';

import { parseOwnDurationMs } from '../config/units.ts';
import { type CacheCommandsContext, runOnCache, type SharedOptions, withTargetOptions } from './cache-commands.ts';
import { parseCount } from './parse-count.ts';

interface PullsOptions extends SharedOptions {
  readonly image?: string;
  readonly digest?: string;
  readonly client?: string;
  readonly since?: number;
  readonly limit?: number;
}

const HELP = `
The newest pulls come first. A line is for equal pulls of one client within two seconds. With --json, each line is an
object; without --limit, it prints all of them. A check is a HEAD of a tag, with which clients such as containerd
resolve it before they pull its digest.

  $ layover audit pulls --image 'docker.io/library/**:latest'
  $ layover audit pulls --digest sha256:0fd1…      who has this image, or index of images
  $ layover audit pulls --client 10.2.0.0/16 --since 24h
  $ layover audit pulls --json > pulls.jsonl`;

/** `audit …`: who pulled what. */
export function addAuditCommands(program: Command, context: CacheCommandsContext): void {
  const audit = program.command('audit').description('show who pulled what');
  const pulls = audit.command('pulls').description('list pulls: client, time, image, digest and outcome');
  withTargetOptions(pulls)
    .option('--image <glob>', "a glob for name and tag ('docker.io/library/*:lts'), or a part of a name")
    .option('--digest <digest>', 'digest of the manifest, or of its index')
    .option('--client <client>', 'name of the client, its IP address, or a network such as 10.2.0.0/16')
    .option('--since <time>', 'only later pulls: a duration such as 24h or 7d, or a date', parseSince)
    .option('--limit <n>', 'maximum number of lines (default: 100; with --json: all)', parseCount)
    .addHelpText('after', HELP)
    .action(async (file: string | undefined, { image, digest, client, since, limit, ...options }: PullsOptions) => {
      const { listPulls } = await import('./audit.ts');
      const query = { image, digest, client, since, limit };
      context.end(
        await runOnCache(context, { ...options, file }, (target, output) => listPulls(target, query, output)),
      );
    });
}

/** @returns Unix milliseconds */
function parseSince(text: string): number {
  const ms = parseOwnDurationMs(text);
  const since = ms === undefined ? Date.parse(text) : Date.now() - ms;
  if (Number.isNaN(since) || since <= 0) throw new InvalidArgumentError('Use a duration such as 24h, or a date.');
  return since;
}
