import type { ImageSource } from '../images/image-source.ts';
import type { LayoutNames } from '../images/index-json.ts';
import { parseRegistryLocation } from '../images/location.ts';
import { RegistrySource, type SourceRegistry } from '../images/registry-source.ts';
import type { LockedImage } from '../lists/lock-file.ts';
import { copyLocked } from './copy-locked.ts';
import { ImagePlan } from './image-plan.ts';

/** A registry whose repositories have their stored names. */
export interface StoredImages {
  readonly registry: SourceRegistry;
  /** @throws {ImageError} for a name that is not served */
  readonly storedName: (host: string, repository: string) => string;
}

/** An image that is put into a bundle. */
export interface PlannedImage {
  readonly image: LockedImage;
  readonly source: ImageSource;
  /** In the layout. */
  readonly names: LayoutNames;
  readonly plan: ImagePlan;
}

/** Reads the manifests of an image, and no blob. @throws {ImageError} | {RegistryError} */
export async function planImage(
  image: LockedImage,
  { images, signal }: { readonly images: StoredImages; readonly signal: AbortSignal },
): Promise<PlannedImage> {
  const { host, repository, tag } = parseRegistryLocation(image.name);
  const location = { host, repository: images.storedName(host, repository), tag: undefined, digest: image.digest };
  const source = new RegistrySource({ registry: images.registry, location, signal });
  const fullName = tag === undefined ? undefined : `${host}/${repository}:${tag}`;
  const names = { tag: fullName, fullName };
  const plan = new ImagePlan(image.name, names);
  await copyLocked(image, { source, destination: plan, signal });
  return { image, source, names, plan };
}
