import { Planner, fetchManifest } from '../images/plan.ts';
import { explainFailure } from '../images/failure.ts';
import { ImageError } from '../images/image-error.ts';
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
    const root = await source.root();
    const planner = new Planner(source);
    if (image.manifests.length === 0) await planner.add(root);
    else planner.addAlone(root);
    for (const { digest } of image.manifests) {
      const size = (await files.size(blobPath(digest))) ?? 0;
      await planner.add(await fetchManifest(source, { mediaType: '', digest, size }));
    }
    const wanted = new Set(image.attachments.map(({ digest }) => digest));
    await addAttachments(source, planner, wanted);
    const { plan } = planner;
    const missing = [...wanted].filter((digest) => !planner.has(digest));
    for (const { digest, size } of plan.blobs) {
      const path = blobPath(digest);
      if ((await files.size(path)) !== size || !known.has(path)) missing.push(digest);
    }
    return missing.map((digest) => `${image.name}: ${digest} is missing or damaged`);
  } catch (err) {
    const reason = explainFailure(err);
    if (reason === undefined && !(err instanceof ImageError)) throw err;
    return [`${image.name}: ${reason}`];
  }
}
