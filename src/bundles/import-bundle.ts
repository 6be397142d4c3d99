import { parseRegistryLocation } from '../images/location.ts';
import { type DestinationRegistry, RegistryDestination } from '../images/registry-destination.ts';
import type { LockedImage } from '../lists/lock-file.ts';
import type { Bundle } from './bundle.ts';
import { copyLocked } from './copy-locked.ts';

export interface ImportTarget {
  /** Its repositories have their stored names. */
  readonly registry: DestinationRegistry;
  /** @throws {ImageError} for a name that is not served */
  readonly storedName: (host: string, repository: string) => string;
}

/** Imports one image: every byte is verified, and its tag is written last. @returns its stored name @throws {ImageError} | {RegistryError} */
export async function importImage(
  { layout }: Bundle,
  image: LockedImage,
  { target, signal }: { readonly target: ImportTarget; readonly signal: AbortSignal },
): Promise<string> {
  const { host, repository, tag } = parseRegistryLocation(image.name);
  const stored = target.storedName(host, repository);
  const location = { host, repository: stored, tag, digest: tag === undefined ? image.digest : undefined };
  const destination = new RegistryDestination({ registry: target.registry, location, signal });
  await copyLocked(image, { source: layout.image(image.digest), destination, signal });
  return tag === undefined ? `${stored}@${image.digest}` : `${stored}:${tag}`;
}
