import { openBundle } from '../bundles/bundle.ts';
import { findDamage } from '../bundles/verify-bundle.ts';
import { findPublicKey } from './bundle-keys.ts';
import type { CacheOutput } from './cache.ts';
import { printable } from './image-description.ts';
import { count } from './image-progress.ts';
import { formatBytes } from './table.ts';

/** `bundle verify`. @returns the exit code: 1 when something is missing or damaged */
export async function verifyBundle(
  paths: readonly string[],
  keyFile: string | undefined,
  { out, err }: Pick<CacheOutput, 'out' | 'err'>,
): Promise<number> {
  const bundle = await openBundle(paths, await findPublicKey(keyFile));
  let bytes = 0;
  try {
    const problems = await findDamage(bundle, (read) => (bytes += read));
    for (const problem of problems) err.write(`layover: ${bundle.files.name}: ${printable(problem)}\n`);
    if (problems.length === 0) {
      const { absent } = bundle.contents;
      const other = absent.length > 0 ? ` with ${count(absent.length, 'blob')} of the other side` : '';
      out.write(
        `${bundle.files.name}: bundle ${bundle.id}, ${count(bundle.lock.images.length, 'image')} complete${other}, ${formatBytes(bytes)} read\n`,
      );
    }
    return problems.length === 0 ? 0 : 1;
  } finally {
    await bundle.files.close();
  }
}
