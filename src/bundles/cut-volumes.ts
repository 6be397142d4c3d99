import { ImageError } from '../images/image-error.ts';
import { blobPath } from '../images/layout-source.ts';
import { TAR_END_BYTES, tarHeader, tarPadding } from '../images/tar-header.ts';
import type { Descriptor } from '../oci/descriptor.ts';

export interface VolumeLimits {
  /** Of a tar file. */
  readonly maxBytes: number;
  /** Of what each volume has in addition to its blobs. */
  readonly fixedBytes: number;
  /** Refuses a blob that no volume of that size can have, instead of giving it a larger one. */
  readonly strict: boolean;
}

/** Distributes blobs over volumes, in their order and never inside of one. There is at least one volume. @throws {ImageError} */
export function cutVolumes(
  blobs: readonly Descriptor[],
  { maxBytes, fixedBytes, strict }: VolumeLimits,
): Descriptor[][] {
  const left = maxBytes - fixedBytes - TAR_END_BYTES;
  if (left <= 0)
    throw new ImageError(`a volume must have more than ${fixedBytes + TAR_END_BYTES} bytes, for the manifests`);
  const volumes: Descriptor[][] = [[]];
  let filled = 0;
  for (const blob of blobs) {
    const size = tarFileBytes(blobPath(blob.digest), blob.size);
    if (strict && size > left) throw new ImageError(`${blob.digest} has ${blob.size} bytes and fits into no volume`);
    if (filled > 0 && filled + size > left) {
      volumes.push([]);
      filled = 0;
    }
    volumes.at(-1)?.push(blob);
    filled += size;
  }
  return volumes;
}

/** Bytes of a file in a tar archive. */
export function tarFileBytes(path: string, size: number): number {
  return tarHeader(path, size).length + size + tarPadding(size);
}
