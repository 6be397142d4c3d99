import { addAttachments } from '../images/attachments.ts';
import { addImage } from '../images/copy.ts';
import type { ImageSource } from '../images/image-source.ts';
import { type CopyPlan, Planner } from '../images/plan.ts';
import type { LockedImage } from '../lists/lock-file.ts';

/** The manifests and blobs of exactly the locked parts of an image. @throws {ImageError} | {RegistryError} */
export async function planLocked(source: ImageSource, image: LockedImage): Promise<CopyPlan> {
  const planner = new Planner(source);
  const children = new Set(image.manifests.map(({ digest }) => digest));
  await addImage(source, planner, { root: await source.root(), children });
  await addAttachments(source, planner, new Set(image.attachments.map(({ digest }) => digest)));
  return planner.plan;
}
