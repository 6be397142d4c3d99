import { ImageError } from '../images/image-error.ts';
import type { Digest } from '../oci/digest.ts';
import type { Bundle } from './bundle.ts';
import { planLocked } from './plan-locked.ts';

export interface StorageSpace {
  /** Bytes that the quota allows. */
  readonly limit: number;
  /** Of these. */
  readonly free: number;
}

const MIB = 2 ** 20;

/** @throws {ImageError} when the images do not fit under the quota together, also not after everything else was evicted */
export async function refuseTooLarge(bundle: Bundle, { limit, free }: StorageSpace): Promise<void> {
  const sizes = new Map<Digest, number>();
  for (const image of bundle.lock.images) {
    // An image whose manifests are damaged is reported when it is imported.
    const plan = await planLocked(bundle.layout.image(image.digest), image).catch(() => undefined);
    for (const { digest, size } of [...(plan?.manifests ?? []), ...(plan?.blobs ?? [])]) sizes.set(digest, size);
  }
  const needed = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  if (needed <= limit) return;
  const have = `the quota allows ${inMiB(limit)}, of which ${inMiB(free)} are free`;
  throw new ImageError(
    `${bundle.files.name}: its images need ${inMiB(needed)}, and ${have} (raise storage.quota.size)`,
  );
}

function inMiB(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
