import { setTimeout as sleep } from 'node:timers/promises';

import type { Command } from 'commander';

import { parseOwnDurationMs } from '../config/units.ts';
import type { CollectionRequest, CollectionStatus } from '../operations/cache-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { CacheOutput } from './cache.ts';
import { type CacheCommandsContext, runOnCache, withTargetOptions } from './cache-commands.ts';
import type { CacheTarget } from './cache-target.ts';
import { ProgressBar } from './progress-bar.ts';
import { formatBytes } from './table.ts';

type CollectionResult = NonNullable<CollectionStatus['result']>;
type CollectionProgress = NonNullable<CollectionStatus['progress']>;

/** Interval of the requests for the server's progress. Milliseconds. */
const POLL_MS = 300;

const LABEL: Readonly<Record<CollectionProgress['phase'], string>> = {
  marking: 'repositories',
  blobs: 'blobs',
  checking: 'second scan',
  removing: 'removing',
};

const HELP = `
It removes blob links that no manifest of their repository refers to, content that no repository links, and with -m
manifests without a tag. Content fetched from upstreams is not affected: it expires by TTL and quota.

A running server collects while it serves, and removes nothing that is referenced, being uploaded or just mounted. Links
younger than the grace period are kept, because their manifest may still be pushed. When no server uses the directory,
nothing can be in flight, and the grace period is 0. Exit code 2: a repository was skipped.

  $ layover garbage-collect --dry-run config.yml      list the garbage and its size
  $ layover garbage-collect -m config.yml             untagged manifests as well
  $ layover garbage-collect --grace 0s config.yml     everything at once, while there are no pushes`;

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
    .description('remove content that nothing refers to; a running server continues to serve')
    .option('-d, --dry-run', 'report the garbage without removing it')
    .option('-m, --delete-untagged', 'also remove manifests without a tag')
    .option('-q, --quiet', 'print only the totals')
    .option(
      '--grace <duration>',
      'keep links younger than this, such as 30m (default: storage.maintenance.garbagecollection.grace, or 0s when no server uses the directory)',
    )
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
  throw new ControlError(
    'unavailable',
    status.error ?? 'the server lost the state of the collection (was it restarted?)',
  );
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
    ...skipped.map(({ repository, reason }) => `skipped: ${repository}: ${reason}`),
    ...(kept > 0 ? [`${kept} kept: used during the collection`] : []),
    `${manifests.length} manifests, ${links.length} links and ${blobs.length} blobs ${verb}: ${formatBytes(bytes)}`,
    '',
  ].join('\n');
}
