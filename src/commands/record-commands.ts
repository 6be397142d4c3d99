import { type Command, InvalidArgumentError } from 'commander';

import { parseOwnDurationMs } from '../config/units.ts';
import { type CacheCommandsContext, runOnCache, type SharedOptions, withTargetOptions } from './cache-commands.ts';

const HELP = `
A recording is what clients pull through the cache in between: images by digest, with the platforms that were pulled. It
is found in the record of pulls, so it needs audit.keep. Images that the clients had already are not in it.

  $ layover record start ci-42 --client 10.0.3.0/24
  $ layover record stop ci-42 --lock ci.lock.yaml
  $ layover record diff ci.lock.yaml images.lock.yaml`;

interface StartOptions extends SharedOptions {
  readonly client?: string;
  readonly upstream?: string;
  readonly for?: number;
}

/** `record`: what clients pull becomes a lock. */
export function addRecordCommands(program: Command, context: CacheCommandsContext): void {
  const record = program
    .command('record')
    .description('record what clients pull, as a lock')
    .addHelpText('after', HELP);
  const start = record.command('start').description('start a recording').argument('<name>', 'such as ci-42');
  withTargetOptions(start)
    .option('--client <client>', 'only this one: its name, IP address, or a network such as 10.0.3.0/24')
    .option('--upstream <name>', 'only images of this upstream')
    .option('--for <time>', 'leave out later pulls (default: 24h)', parseTime)
    .action(async (name: string, file: string | undefined, options: StartOptions) => {
      const { startRecording } = await import('./record.ts');
      const { client, upstream, for: forMs, ...shared } = options;
      const request = { name, client, upstream, forMs };
      context.end(
        await runOnCache(context, { ...shared, file }, (target, output) => startRecording(target, request, output)),
      );
    });
  const stop = record.command('stop').description('end a recording, and write its lock').argument('<name>');
  withTargetOptions(stop)
    .requiredOption('--lock <file>', 'the lock to write')
    .action(async (name: string, file: string | undefined, { lock, ...options }: SharedOptions & { lock: string }) => {
      const { stopRecording } = await import('./record.ts');
      context.end(
        await runOnCache(context, { ...options, file }, (target, output) =>
          stopRecording(target, { name, lock }, output),
        ),
      );
    });
  record
    .command('diff')
    .description('compare two locks; the exit code is 1 when they differ')
    .argument('<lock>', 'such as a recording')
    .argument('<other>', 'such as a lock of the manifests')
    .action(async (lock: string, other: string) => {
      const { diffLocks } = await import('./record.ts');
      context.end(await diffLocks(lock, other, context));
    });
}

function parseTime(text: string): number {
  const ms = parseOwnDurationMs(text);
  if (ms === undefined || ms <= 0) throw new InvalidArgumentError('Use a duration such as 2h.');
  return ms;
}
