import { ImageError } from '../images/image-error.ts';
import { checkRequestOf } from '../jobs/check-request.ts';
import type { Lock, LockedImage } from '../lists/lock-file.ts';
import { findLock } from '../lists/read-files.ts';
import type { ImageCheckResult } from '../operations/cache-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { CacheOutput } from './cache.ts';
import type { OpenCheckTarget } from './open-cache.ts';
import { printable } from './image-description.ts';
import { ProgressBar } from './progress-bar.ts';

export interface CheckCommandOptions {
  readonly lock: string;
  readonly read: boolean;
  readonly referrers: boolean;
}

interface CheckedName extends ImageCheckResult {
  readonly name: string;
  readonly complete: boolean;
}

/** `check`. @returns the exit code: 1 when an image cannot be pulled */
export async function checkCommand(
  { control }: Pick<OpenCheckTarget, 'control'>,
  options: CheckCommandOptions,
  output: CacheOutput,
): Promise<number> {
  const { images } = await readLock(options.lock);
  const checked: CheckedName[] = [];
  const bar = output.err.isTTY ? new ProgressBar(output.err) : undefined;
  for (const image of images) {
    const result = await control.check(checkRequestOf(image, options));
    checked.push({ name: image.name, complete: result.missing.length === 0, ...result });
    bar?.update('images', { done: checked.length, total: images.length });
  }
  bar?.end();
  const complete = checked.filter((image) => image.complete).length;
  if (output.json)
    output.out.write(`${JSON.stringify({ complete, total: images.length, images: checked }, null, 2)}\n`);
  else output.out.write(describe(images, checked, complete));
  return complete === images.length ? 0 : 1;
}

/** @throws {ControlError} */
export async function readLock(path: string): Promise<Lock> {
  try {
    const lock = await findLock(path);
    if (!lock) throw new ControlError('not-found', `${path}: no such file`);
    // Nothing would be proven.
    if (lock.images.length === 0) throw new ControlError('invalid', `${path}: locks no images`);
    return lock;
  } catch (err) {
    throw err instanceof ImageError ? new ControlError('invalid', err.message) : err;
  }
}

function describe(images: readonly LockedImage[], checked: readonly CheckedName[], complete: number): string {
  const lines = checked.flatMap(({ missing }, i) => {
    const image = images[i];
    return image ? missing.map((part) => lineOf(image, part)) : [];
  });
  return printableLines([...lines, `${complete} of ${images.length} pull offline`]);
}

function lineOf(
  { name, manifests }: LockedImage,
  { part, digest, of, problem }: ImageCheckResult['missing'][number],
): string {
  if (part === 'tag') return `${name}: ${problem}`;
  const platform = manifests.find((manifest) => manifest.digest === of)?.platform;
  return `${name}${platform === undefined ? '' : ` (${platform})`}: ${part} ${digest} ${problem}`;
}

function printableLines(lines: readonly string[]): string {
  return lines.map((line) => `${printable(line)}\n`).join('');
}
