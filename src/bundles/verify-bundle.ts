import { explainFailure } from '../images/failure.ts';
import { blobPath } from '../images/layout-source.ts';
import type { LockedImage } from '../lists/lock-file.ts';
import { type Bundle, missingVolumes, readSums } from './bundle.ts';
import { planLocked } from './plan-locked.ts';
import { parseSums, sumOf } from './sums.ts';

/** Reads every file of a bundle. @returns a line for each problem @throws {ImageError} when there are no usable sums */
export async function findDamage(bundle: Bundle, onRead: (bytes: number) => void): Promise<string[]> {
  const problems = [...bundle.problems];
  const volumes = await missingVolumes(bundle);
  if (volumes.length > 0) problems.push(`still missing: ${volumes.join(', ')}`);
  const elsewhere = new Set([
    ...bundle.contents.absent.map(blobPath),
    ...bundle.contents.volumes.filter(({ name }) => volumes.includes(name)).flatMap(({ blobs }) => blobs.map(blobPath)),
  ]);
  const sums = parseSums(await readSums(bundle), bundle.files.name);
  const known = new Set(sums.map(({ path }) => path));
  for (const { path, sum } of sums) {
    const size = await bundle.files.size(path);
    if (size === undefined && elsewhere.has(path)) continue;
    if (size === undefined) problems.push(`${path} is missing`);
    else if ((await sumOf(bundle.files.open(path, 0))) !== sum) problems.push(`${path} is damaged`);
    onRead(size ?? 0);
  }
  for (const image of bundle.lock.images) problems.push(...(await problemsOf(bundle, image, { known, elsewhere })));
  return problems;
}

async function problemsOf(
  { layout, files }: Bundle,
  image: LockedImage,
  { known, elsewhere }: { readonly known: ReadonlySet<string>; readonly elsewhere: ReadonlySet<string> },
): Promise<string[]> {
  try {
    const { blobs } = await planLocked(layout.image(image.digest), image);
    const missing: string[] = [];
    for (const { digest, size } of blobs) {
      const path = blobPath(digest);
      if (elsewhere.has(path)) continue;
      if ((await files.size(path)) !== size || !known.has(path)) missing.push(`${image.name}: ${digest} is missing`);
    }
    return missing;
  } catch (err) {
    const reason = explainFailure(err);
    if (reason === undefined) throw err;
    return [`${image.name}: ${reason}`];
  }
}
