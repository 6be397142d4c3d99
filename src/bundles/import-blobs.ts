import pLimit from 'p-limit';

import { BlobFeed, DamagedBlobError } from '../images/blob-feed.ts';
import { ImageError } from '../images/image-error.ts';
import type { ImageSource } from '../images/image-source.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { RegistryError } from '../oci/errors.ts';

/** Blobs that are stored concurrently: hashing of one overlaps with reading, writing and syncing of others. */
const JOBS = 4;

export interface ImportBlobsOptions {
  readonly put: (feed: BlobFeed) => Promise<unknown>;
  readonly signal: AbortSignal;
  /** Bytes of all blobs together. */
  readonly onProgress: (bytes: number) => void;
}

export interface DamagedBlob {
  readonly blob: Descriptor;
  readonly reason: string;
}

/** @returns the damaged blobs; the others are stored @throws the first failure of another kind, when no blob is being written any more */
export async function importBlobs(
  source: ImageSource,
  blobs: readonly Descriptor[],
  { put, signal, onProgress }: ImportBlobsOptions,
): Promise<DamagedBlob[]> {
  let failure: Error | undefined;
  const positions = new Map<Descriptor, number>();
  const moved = (blob: Descriptor, position: number) => {
    positions.set(blob, position);
    onProgress([...positions.values()].reduce((sum, one) => sum + one, 0));
  };
  const damaged = await pLimit(JOBS).map(blobs, async (blob) => {
    if (signal.aborted || failure) return [];
    const onPosition = (position: number) => moved(blob, position);
    try {
      await put(new BlobFeed({ source, descriptor: blob, signal, onPosition, isVerifiedThere: true }));
      return [];
    } catch (err) {
      if (isDamage(err)) return [{ blob, reason: reasonOf(err, `${source.name}: ${blob.digest}`) }];
      // The others that are being written end, and remove their bytes when they fail as well.
      failure ??= err instanceof Error ? err : new Error(String(err));
      return [];
    } finally {
      moved(blob, blob.size);
    }
  });
  signal.throwIfAborted();
  if (failure) throw failure;
  return damaged.flat();
}

function reasonOf(err: unknown, blob: string): string {
  return err instanceof ImageError ? err.message : `${blob} is damaged`;
}

/** The storage refuses other bytes than those of the digest. */
function isDamage(err: unknown): boolean {
  return err instanceof DamagedBlobError || (err instanceof RegistryError && err.code === 'DIGEST_INVALID');
}
