import { setTimeout as sleep } from 'node:timers/promises';

import type { ImportProgress, ImportRequest, ImportResult, ImportStatus } from '../operations/bundle-control.ts';
import { ControlError } from '../operations/control-error.ts';
import { writeMissing } from './bundle-delta.ts';
import type { CacheTarget } from './cache-target.ts';
import type { CacheOutput } from './cache.ts';
import { printable } from './image-description.ts';
import { count } from './image-progress.ts';
import { ProgressBar } from './progress-bar.ts';
import { formatBytes, formatSpan, renderColumns } from './table.ts';

/** Interval of the requests for the progress. Milliseconds. */
const POLL_MS = 100;

export interface ImportCommandOptions {
  readonly request: ImportRequest;
  /** File for the missing digests. */
  readonly missingTo: string | undefined;
  readonly signal: AbortSignal;
}

/** `bundle import`. @returns the exit code: 1 when an image was not imported */
export async function importCommand(
  { bundles }: CacheTarget,
  { request, missingTo, signal }: ImportCommandOptions,
  output: CacheOutput,
): Promise<number> {
  const bar = output.err.isTTY ? new ProgressBar(output.err, Date.now, formatBytes) : undefined;
  let status = await bundles.startImport(request);
  while (status.running) {
    if (status.progress) showProgress(bar, status.progress);
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined); // the signal is checked next
    if (signal.aborted) await bundles.stopImport();
    signal.throwIfAborted();
    status = await bundles.importStatus();
  }
  bar?.end();
  const result = resultOf(status);
  if (missingTo !== undefined) await writeMissing(missingTo, result.missing);
  if (output.json) output.out.write(`${JSON.stringify(result, null, 2)}\n`);
  else report(result, request, output);
  return result.imported.length === result.images ? 0 : 1;
}

/** @throws {ControlError} */
function resultOf({ result, error }: ImportStatus): ImportResult {
  if (result) return result;
  throw new ControlError('unavailable', error ?? 'the server lost the state of the import (was it restarted?)');
}

function showProgress(bar: ProgressBar | undefined, { image, bytes, size }: ImportProgress): void {
  bar?.update(printable(image), { done: bytes, total: size });
}

function report(
  { id, images, imported, failed, missingVolumes, problems, bytes }: ImportResult,
  { dryRun }: ImportRequest,
  output: CacheOutput,
) {
  for (const problem of problems) output.err.write(`layover: ${printable(problem)}\n`);
  for (const { name, reason } of failed) output.err.write(`layover: ${printable(`${name}: ${reason}`)}\n`);
  const counted = `${imported.length} of ${count(images, 'image')}`;
  const size = formatBytes(bytes);
  output.out.write(
    dryRun
      ? `bundle ${id}: ${counted} would be complete, ${size} to write\n`
      : `bundle ${id}: ${counted} imported, ${size} written\n`,
  );
  if (missingVolumes.length > 0) output.err.write(`layover: still missing: ${printable(missingVolumes.join(', '))}\n`);
}

/** `bundle list` */
export async function listBundles({ bundles }: CacheTarget, output: CacheOutput): Promise<void> {
  const found = await bundles.bundles();
  if (output.json) return void output.out.write(`${JSON.stringify({ bundles: found }, null, 2)}\n`);
  const rows = found.map(({ id, pins, importedAt }) => [
    id,
    String(pins),
    `${formatSpan(output.now() - importedAt)} ago`,
  ]);
  output.out.write(found.length === 0 ? 'no bundles\n' : renderColumns(['BUNDLE', '>PINS', '>IMPORTED'], rows));
}

/** `bundle forget` */
export async function forgetBundle({ bundles }: CacheTarget, id: string, output: CacheOutput): Promise<void> {
  const forgotten = await bundles.forgetBundle(id);
  if (output.json) return void output.out.write(`${JSON.stringify(forgotten, null, 2)}\n`);
  output.out.write(`bundle ${id}: removed ${count(forgotten.pins, 'pin')}\n`);
}
