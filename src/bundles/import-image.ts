import type { BlobFeed } from '../images/blob-feed.ts';
import { ImageError } from '../images/image-error.ts';
import { blobPath } from '../images/layout-source.ts';
import { parseRegistryLocation } from '../images/location.ts';
import { type DestinationRegistry, RegistryDestination } from '../images/registry-destination.ts';
import type { LockedImage } from '../lists/lock-file.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { type Bundle, volumeOf } from './bundle.ts';
import { copyLocked } from './copy-locked.ts';
import { importBlobs } from './import-blobs.ts';
import { planLocked } from './plan-locked.ts';

export interface ImportTarget {
  /** Its repositories have their stored names. */
  readonly registry: DestinationRegistry;
  /** @returns the stored name, or why there is none */
  readonly storedNameOf: (
    host: string,
    repository: string,
  ) => { readonly stored: string } | { readonly problem: string };
  /** Of a blob that some repository has, in bytes. */
  readonly storedSize: (digest: Digest) => Promise<number | undefined>;
  /** Makes such a blob part of a repository. */
  readonly link: (repository: string, digest: Digest) => Promise<void>;
  /** A tag refers to another manifest now. */
  readonly onTagged: (repository: string, tag: string) => Promise<void>;
}

export interface ImportImageOptions {
  readonly target: ImportTarget;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** Bytes of the blobs that are written. */
  readonly onProgress: (bytes: number, size: number) => void;
}

export interface MissingBlob {
  readonly blob: Descriptor;
  readonly reason: string;
  /** The volume that has it, which is not there. */
  readonly volume?: string | undefined;
  /** The bundle does not have it, because the other side was expected to. */
  readonly isLeftOut?: boolean;
}

export interface ImportedImage {
  /** Names in storage of the image and its attachments, by tag or digest. */
  readonly names: readonly string[];
  /** Blobs that are in neither place. Empty when the image is complete. */
  readonly missing: readonly MissingBlob[];
  /** Written, or to be written. */
  readonly bytes: number;
}

/**
 * Imports one image: every byte is verified, and its tags are written last. Without a part of it, its other blobs are stored, and it gets no
 * tag.
 *
 * @throws {ImageError} | {RegistryError}
 */
export async function importImage(
  bundle: Bundle,
  image: LockedImage,
  { target, dryRun, signal, onProgress }: ImportImageOptions,
): Promise<ImportedImage> {
  const { host, repository, tag } = parseRegistryLocation(image.name);
  const name = target.storedNameOf(host, repository);
  if ('problem' in name) throw new ImageError(name.problem);
  const { stored } = name;
  const location = { host, repository: stored, tag, digest: tag === undefined ? image.digest : undefined };
  const destination = new RegistryDestination({ registry: target.registry, location, signal });
  const source = bundle.layout.image(image.digest);
  const { blobs } = await planLocked(source, image);
  const { wanted, missing } = await compare(bundle, blobs, async (blob) => {
    if (await destination.hasBlob(blob)) return true;
    if ((await target.storedSize(blob.digest)) !== blob.size) return false;
    if (!dryRun) await target.link(stored, blob.digest);
    return dryRun || destination.hasBlob(blob);
  });
  const bytes = wanted.reduce((sum, { size }) => sum + size, 0);
  const tags = [tag, ...image.attachments.map((one) => one.tag)].filter((one) => one !== undefined);
  if (!dryRun) {
    const put = (feed: BlobFeed) => destination.putBlob(feed);
    const damaged = await importBlobs(source, wanted, { put, signal, onProgress: (done) => onProgress(done, bytes) });
    missing.push(...damaged);
    if (missing.length === 0) {
      try {
        await copyLocked(image, { source, destination, signal });
      } finally {
        // Also after a failure, when some of them are written.
        for (const each of tags) await target.onTagged(stored, each);
      }
    }
  }
  return { names: namesOf(stored, image, tag), missing, bytes };
}

function namesOf(stored: string, { digest, attachments }: LockedImage, tag: string | undefined): string[] {
  const parts = [{ digest, tag }, ...attachments];
  return parts.map((part) => (part.tag === undefined ? `${stored}@${part.digest}` : `${stored}:${part.tag}`));
}

async function compare(
  bundle: Bundle,
  blobs: readonly Descriptor[],
  has: (blob: Descriptor) => Promise<boolean>,
): Promise<{ wanted: Descriptor[]; missing: MissingBlob[] }> {
  const wanted: Descriptor[] = [];
  const missing: MissingBlob[] = [];
  for (const blob of blobs) {
    if (await has(blob)) continue;
    const size = await bundle.files.size(blobPath(blob.digest));
    if (size === blob.size) wanted.push(blob);
    else if (size === undefined) missing.push(absence(bundle, blob));
    else missing.push({ blob, reason: `${blob.digest} has ${size} bytes and not ${blob.size}` });
  }
  return { wanted, missing };
}

function absence(bundle: Bundle, blob: Descriptor): MissingBlob {
  const { digest } = blob;
  if (bundle.contents.absent.includes(digest))
    return { blob, reason: `${digest} was left out of the bundle, and is not in the cache`, isLeftOut: true };
  return { blob, reason: `${digest} is missing`, volume: volumeOf(bundle, digest) };
}
