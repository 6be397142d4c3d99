import { formatLock, type LockedImage } from '../lists/lock-file.ts';
import { ControlError } from '../operations/control-error.ts';
import type { RecordingControl, RecordingRequest } from '../operations/recording-control.ts';
import type { CacheOutput } from './cache.ts';
import type { CacheTarget } from './cache-target.ts';
import { readLock } from './check.ts';
import { printable } from './image-description.ts';
import { count } from './image-progress.ts';
import type { ProgressOutput } from './progress-bar.ts';
import { replaceFile } from '../files/replace-file.ts';
import { formatBytes } from './table.ts';

/** @throws {ControlError} `unavailable` without a running server */
function recordingsOf({ recordings }: CacheTarget): RecordingControl {
  if (recordings) return recordings;
  throw new ControlError('unavailable', 'no server is running, and only a server records pulls');
}

/** `record start` */
export async function startRecording(
  target: CacheTarget,
  request: RecordingRequest,
  output: CacheOutput,
): Promise<void> {
  const recording = await recordingsOf(target).startRecording(request);
  if (output.json) return void output.out.write(`${JSON.stringify(recording)}\n`);
  const { name, endsAt } = recording;
  output.out.write(`${name} is recorded until ${new Date(endsAt).toISOString()}, or: layover record stop ${name}\n`);
}

/** `record stop`. @returns the exit code: 1 when an image cannot be locked, or there is none */
export async function stopRecording(
  target: CacheTarget,
  { name, lock }: { readonly name: string; readonly lock: string },
  output: CacheOutput,
): Promise<number> {
  const { images, problems } = await recordingsOf(target).stopRecording(name);
  const platforms = new Set(images.flatMap(({ manifests }) => manifests.flatMap(({ platform }) => platform ?? [])));
  await replaceFile(lock, formatLock({ platforms: [...platforms].sort(), images }));
  for (const problem of problems) output.err.write(`layover: ${printable(problem)}\n`);
  const size = images.reduce((sum, image) => sum + image.size, 0);
  if (output.json) output.out.write(`${JSON.stringify({ images, problems })}\n`);
  else output.out.write(`${lock}: ${count(images.length, 'image')}, ${formatBytes(size)}\n`);
  return problems.length > 0 || images.length === 0 ? 1 : 0;
}

/** `record diff`. @returns the exit code: 1 when the locks differ */
export async function diffLocks(
  lock: string,
  other: string,
  { out, err }: { readonly out: ProgressOutput; readonly err: ProgressOutput },
): Promise<number> {
  try {
    const [{ images }, { images: others }] = await Promise.all([readLock(lock), readLock(other)]);
    const lines = [
      ...differencesOf(images, others, other),
      ...others
        .filter(({ name }) => !images.some((image) => image.name === name))
        .map(({ name }) => `${name}: only in ${other}`),
    ];
    out.write(lines.map((line) => `${printable(line)}\n`).join(''));
    return lines.length === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    err.write(`layover: ${error.message}\n`);
    return 1;
  }
}

function differencesOf(images: readonly LockedImage[], others: readonly LockedImage[], other: string): string[] {
  const known = new Map(others.map((image) => [image.name, image]));
  return images.flatMap(({ name, digest, manifests }) => {
    const match = known.get(name);
    if (!match) return [`${name}: not in ${other}`];
    if (match.digest !== digest) return [`${name}: ${digest}, and ${match.digest} in ${other}`];
    const listed = new Set(match.manifests.map((manifest) => manifest.digest));
    return manifests
      .filter((manifest) => !listed.has(manifest.digest))
      .map((manifest) => `${name} (${manifest.platform ?? manifest.digest}): not in ${other}`);
  });
}
