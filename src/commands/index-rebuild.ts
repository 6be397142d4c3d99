import { setTimeout as sleep } from 'node:timers/promises';

import { ControlError } from '../operations/control-error.ts';
import type { RebuildProgress, RebuildResult } from '../usage/rebuild.ts';
import type { CacheOutput } from './cache.ts';
import type { CacheTarget } from './cache-target.ts';
import { ProgressBar } from './progress-bar.ts';
import { formatBytes } from './table.ts';

/** Interval of the requests for the server's progress. Milliseconds. */
const POLL_MS = 300;

/** `index rebuild`: rebuilds the index from storage. @returns the exit code: 2 when something could not be read */
export async function rebuildIndexOf(target: CacheTarget, output: CacheOutput): Promise<number> {
  const bar = new ProgressBar(output.err);
  const onProgress = (progress: RebuildProgress) => bar.update(progress.phase, progress);
  const { stopped } = target;
  const result = await (stopped ? stopped.housekeeping.rebuild(onProgress) : rebuildAtServer(target, onProgress));
  bar.end();
  if (output.json) output.out.write(`${JSON.stringify(result, null, 2)}\n`);
  else output.out.write(describeResult(result));
  return result.unreadable.length === 0 ? 0 : 2;
}

async function rebuildAtServer(
  { control }: CacheTarget,
  onProgress: (progress: RebuildProgress) => void,
): Promise<RebuildResult> {
  let status = await control.startRebuild();
  while (status.running) {
    if (status.progress) onProgress(status.progress);
    await sleep(POLL_MS);
    status = await control.rebuildStatus();
  }
  if (status.result) return status.result;
  throw new ControlError('unavailable', status.error ?? 'the server lost the state of the rebuild (was it restarted?)');
}

function describeResult({ references, digests, bytes, added, removed, unreadable }: RebuildResult): string {
  const stored = `${references} references to ${digests} digests, ${formatBytes(bytes)}`;
  const missing = unreadable.map((path) => `cannot be read: ${path}\n`).join('');
  const state = missing === '' ? 'complete' : 'incomplete';
  return `the index is ${state}: ${stored} (${added} added, ${removed} removed)\n${missing}`;
}
