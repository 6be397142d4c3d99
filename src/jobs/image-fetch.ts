import { addAttachments } from '../images/attachments.ts';
import type { RegistryLocation } from '../images/location.ts';
import { type CopyPlan, fetchManifest, Planner } from '../images/plan.ts';
import type { Platform } from '../images/platform.ts';
import { RegistrySource } from '../images/registry-source.ts';
import { chooseManifests } from '../lists/resolve-image.ts';
import type { Digest } from '../oci/digest.ts';
import type { ImageCheckRequest } from '../operations/cache-control.ts';
import type { BackgroundRegistry } from './background-registry.ts';

export interface ImageFetchOptions {
  readonly registry: BackgroundRegistry;
  readonly location: RegistryLocation;
  /** Empty: all. */
  readonly platforms: readonly Platform[];
  readonly referrers: boolean;
  readonly signal: AbortSignal;
}

/** The parts of an image that are to be stored, and how to check that they are. */
export interface PlannedImage extends CopyPlan {
  readonly check: ImageCheckRequest;
}

/**
 * Stores the manifests of an image: the whole index as it is, of the manifests below it those of the platforms, and their attachments.
 *
 * @param digest of the image
 * @throws {ImageError} | {RegistryError}
 */
export async function fetchManifests(digest: Digest, options: ImageFetchOptions): Promise<PlannedImage> {
  const { registry, location, platforms, referrers, signal } = options;
  const source = new RegistrySource({ registry, location: { ...location, digest }, signal });
  const root = await source.root();
  const chosen = await chooseManifests(source, root, platforms);
  const planner = new Planner(source);
  if (chosen.length === 0) await planner.add(root);
  else planner.addAlone(root);
  for (const entry of chosen) await planner.add(await fetchManifest(source, entry));
  const image = new Set(planner.plan.manifests.map((manifest) => manifest.digest));
  const { tags } = referrers ? await addAttachments(source, planner) : { tags: [] };
  const { manifests, blobs } = planner.plan;
  const attached = manifests.filter((manifest) => !image.has(manifest.digest));
  const { host, repository, tag } = location;
  const check = {
    ...{ host, repository, tag, digest, read: false },
    manifests: chosen.map((entry) => entry.digest),
    attachments: attached.map((manifest) => ({
      digest: manifest.digest,
      tag: tags.find((one) => one.manifest.digest === manifest.digest)?.tag,
    })),
  };
  return { manifests, blobs, check };
}
