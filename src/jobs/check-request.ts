import { parseRegistryLocation } from '../images/location.ts';
import type { LockedImage } from '../lists/lock-file.ts';
import type { ImageCheckRequest } from '../operations/cache-control.ts';

export interface LockCheckOptions {
  /** Read all blobs, and compare their digests. */
  readonly read: boolean;
  /** Also attachments. */
  readonly referrers: boolean;
}

/** A request to check the locked parts of an image. @throws {ImageError} */
export function checkRequestOf(
  { name, digest, manifests, attachments }: LockedImage,
  { read, referrers }: LockCheckOptions,
): ImageCheckRequest {
  const { host, repository, tag } = parseRegistryLocation(name);
  return {
    host,
    repository,
    tag,
    digest,
    manifests: manifests.map((manifest) => manifest.digest),
    attachments: referrers ? attachments.map((one) => ({ digest: one.digest, tag: one.tag })) : [],
    read,
  };
}
