import { addAttachments } from '../images/attachments.ts';
import type { ImageManifest, ImageSource } from '../images/image-source.ts';
import { checkPlatform } from '../images/copy.ts';
import { fetchManifest, Planner, readManifest } from '../images/plan.ts';
import { narrowIndex, type Platform, platformText, selectImages } from '../images/platform.ts';
import type { ManifestReference } from '../oci/manifest.ts';
import type { LockedAttachment, LockedImage, LockedManifest } from './lock-file.ts';

/**
 * The digests of an image, of its platforms and of its attachments, and its size. Layers are not read.
 *
 * @param name see {@link LockedImage.name}
 * @param platforms empty: all
 * @throws {ImageError} | {RegistryError}
 */
export async function resolveImage(
  source: ImageSource,
  name: string,
  platforms: readonly Platform[],
): Promise<LockedImage> {
  const root = await source.root();
  const chosen = await chooseManifests(source, root, platforms);
  const planner = new Planner(source);
  if (chosen.length === 0) await planner.add(root);
  else planner.addAlone(root);
  for (const entry of chosen) await planner.add(await fetchManifest(source, entry));
  const image = new Set(planner.plan.manifests.map(({ digest }) => digest));
  const { tags } = await addAttachments(source, planner);
  const { manifests, blobs } = planner.plan;
  return {
    name,
    digest: root.digest,
    size: [...manifests, ...blobs].reduce((sum, { size }) => sum + size, 0),
    manifests: chosen.map(lockManifest),
    attachments: manifests
      .filter(({ digest }) => !image.has(digest))
      .map((manifest) =>
        lockAttachment(manifest, { source, tag: tags.find((one) => one.manifest.digest === manifest.digest)?.tag }),
      )
      .toSorted((a, b) => (a.digest < b.digest ? -1 : 1)),
  };
}

/**
 * The entries of an index, for the platforms and with their attestations; none for an image without an index.
 *
 * @throws {ImageError} when there is none for one of the platforms
 */
export async function chooseManifests(
  source: ImageSource,
  root: ImageManifest,
  platforms: readonly Platform[],
): Promise<readonly ManifestReference[]> {
  const entries = entriesOf(root, source);
  if (platforms.length === 0) return entries;
  if (entries.length === 0) {
    await checkPlatform(source, root, platforms);
    return [];
  }
  return entriesOf(narrowIndex(root, selectImages(entries, platforms, source.name), source.name), source);
}

function entriesOf(manifest: ImageManifest, { name }: ImageSource): readonly ManifestReference[] {
  return readManifest(manifest, name).references.filter(({ kind }) => kind === 'manifest');
}

function lockManifest({ digest, platform }: ManifestReference): LockedManifest {
  const text = platformText(platform);
  return text === undefined || text === 'unknown/unknown' ? { digest } : { digest, platform: text };
}

function lockAttachment(
  manifest: ImageManifest,
  { source, tag }: { readonly source: ImageSource; readonly tag: string | undefined },
): LockedAttachment {
  const { artifactType } = readManifest(manifest, source.name);
  return {
    digest: manifest.digest,
    ...(tag !== undefined && { tag }),
    ...(tag === undefined && artifactType !== undefined && { type: artifactType }),
  };
}
