import { setTimeout as sleep } from 'node:timers/promises';

import type { Command } from 'commander';

import { parseOwnDurationMs } from '../config/units.ts';
import type { CollectionRequest, CollectionStatus } from '../operations/cache-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { CacheOutput } from './cache.ts';
import { type CacheCommandsContext, runOnCache, withTargetOptions } from './cache-commands.ts';
import type { CacheTarget } from './open-cache.ts';
import { ProgressBar } from './progress-bar.ts';
import { formatBytes } from './table.ts';

type CollectionResult = NonNullable<CollectionStatus['result']>;
type CollectionProgress = NonNullable<CollectionStatus['progress']>;

/** How often a server is asked how far it is. Milliseconds. */
const POLL_MS = 300;

const LABEL: Readonly<Record<CollectionProgress['phase'], string>> = {
  marking: 'repositories',
  blobs: 'blobs',
  checking: 'looking again',
  removing: 'removing',
};

const HELP = `
What goes: links of blobs that no manifest of their repository names, with -m manifests that no tag leads to, and bytes that no
repository links. What a pull-through cache has fetched is looked after by its TTL and quota, not by this.

A running server does it while it serves: nothing that is referenced, being uploaded or has just been mounted is removed.
Links younger than storage.maintenance.garbagecollection.grace stay (1h), as their manifest may be on its way. When no server
runs, nobody can be on his way, and the grace is 0 unless --grace says otherwise.

  $ layover garbage-collect --dry-run config.yml      what would go, and how many bytes
  $ layover garbage-collect -m config.yml             untagged manifests as well
  $ layover garbage-collect --grace 0s config.yml     everything at once, when nobody pushes`;

interface Options {
  readonly dryRun?: true;
  readonly deleteUntagged?: true;
  readonly quiet?: true;
  readonly grace?: string;
}

/** `garbage-collect`, with distribution's flags. */
export function addGarbageCollect(program: Command, context: CacheCommandsContext): void {
  const command = program
    .command('garbage-collect')
    .description('remove what nobody needs any more; a running server does it while it serves')
    .option('-d, --dry-run', 'do everything except remove')
    .option('-m, --delete-untagged', 'remove manifests that no tag leads to')
    .option('-q, --quiet', 'say only how much it was')
    .option('--grace <duration>', 'keep links younger than this: 30m, 1h')
    .addHelpText('after', HELP);
  withTargetOptions(command).action(async (file: string | undefined, options: Options) => {
    context.end(await runOnCache(context, { ...options, file }, (target, output) => collect(target, options, output)));
  });
}

async function collect(target: CacheTarget, options: Options, output: CacheOutput): Promise<number> {
  const { stopped } = target;
  const graceMs = graceOf(options) ?? (stopped?.isAlone ? 0 : undefined);
  const request: CollectionRequest = {
    ...(options.dryRun && { dryRun: true }),
    ...(options.deleteUntagged && { deleteUntagged: true }),
    ...(graceMs !== undefined && { graceMs }),
  };
  const bar = new ProgressBar(output.err);
  const onProgress = (progress: CollectionProgress) => bar.update(LABEL[progress.phase], progress);
  const result = await (stopped
    ? stopped.collections.run(request, onProgress)
    : collectAtServer(target, request, onProgress));
  bar.end();
  if (output.json) output.out.write(`${JSON.stringify(result, null, 2)}\n`);
  else output.out.write(describe(result, options));
  return result.skipped.length > 0 ? 2 : 0;
}

function graceOf({ grace }: Options): number | undefined {
  if (grace === undefined) return undefined;
  const ms = parseOwnDurationMs(grace);
  if (ms === undefined || ms < 0)
    throw new ControlError('invalid', `--grace ${grace}: must be a duration such as 30m or 1h`);
  return ms;
}

async function collectAtServer(
  { control }: CacheTarget,
  request: CollectionRequest,
  onProgress: (progress: CollectionProgress) => void,
): Promise<CollectionResult> {
  let status = await control.startCollection(request);
  while (status.running) {
    if (status.progress) onProgress(status.progress);
    await sleep(POLL_MS);
    status = await control.collectionStatus();
  }
  if (status.result) return status.result;
  throw new ControlError('unavailable', status.error ?? 'the server has forgotten about it; was it restarted?');
}

function describe(
  { manifests, links, blobs, bytes, skipped, kept }: CollectionResult,
  { dryRun, quiet }: Options,
): string {
  const verb = dryRun ? 'would be removed' : 'removed';
  const items = [
    ...manifests.map(({ repository, digest }) => `manifest ${repository}@${digest}`),
    ...links.map(({ repository, digest }) => `link ${repository}@${digest}`),
    ...blobs.map((blob) => `blob ${blob.digest} (${formatBytes(blob.bytes)})`),
  ];
  return [
    ...(quiet ? [] : items),
    ...skipped.map(({ repository, reason }) => `left alone: ${repository}: ${reason}`),
    ...(kept > 0 ? [`${kept} were used meanwhile, and stay`] : []),
    `${manifests.length} manifests, ${links.length} links and ${blobs.length} blobs ${verb}: ${formatBytes(bytes)}`,
    '',
  ].join('\n');
}
