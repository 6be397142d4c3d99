import { Planner } from '../images/plan.ts';
import { addImage } from '../images/copy.ts';
import { explainFailure } from '../images/failure.ts';
import { addAttachments } from '../images/attachments.ts';
import { blobPath } from '../images/layout-source.ts';
import type { LockedImage } from '../lists/lock-file.ts';
import { type Bundle, readSums } from './bundle.ts';
import { parseSums, sumOf } from './sums.ts';

/** Reads every file of a bundle. @returns a line for each problem @throws {ImageError} when there are no usable sums */
export async function findDamage(bundle: Bundle, onRead: (bytes: number) => void): Promise<string[]> {
  const problems: string[] = [];
  const sums = parseSums(await readSums(bundle), bundle.files.name);
  const known = new Set(sums.map(({ path }) => path));
  for (const { path, sum } of sums) {
    const size = await bundle.files.size(path);
    if (size === undefined) problems.push(`${path} is missing`);
    else if ((await sumOf(bundle.files.open(path, 0))) !== sum) problems.push(`${path} is damaged`);
    onRead(size ?? 0);
  }
  for (const image of bundle.lock.images) problems.push(...(await problemsOf(bundle, image, known)));
  return problems;
}

async function problemsOf(
  { layout, files }: Bundle,
  image: LockedImage,
  known: ReadonlySet<string>,
): Promise<string[]> {
  try {
    const source = layout.image(image.digest);
    const planner = new Planner(source);
    const children = new Set(image.manifests.map(({ digest }) => digest));
    await addImage(source, planner, { root: await source.root(), children });
    const wanted = new Set(image.attachments.map(({ digest }) => digest));
    await addAttachments(source, planner, wanted);
    const missing: string[] = [];
    for (const { digest, size } of planner.plan.blobs) {
      const path = blobPath(digest);
      if ((await files.size(path)) !== size || !known.has(path)) missing.push(`${image.name}: ${digest} is missing`);
    }
    return missing;
  } catch (err) {
    const reason = explainFailure(err);
    if (reason === undefined) throw err;
    return [`${image.name}: ${reason}`];
  }
}
