import { copyImage, type CopyEvents } from '../images/copy.ts';
import type { ImageDestination } from '../images/image-destination.ts';
import type { ImageSource } from '../images/image-source.ts';
import type { LockedImage } from '../lists/lock-file.ts';

/** Blobs that are copied concurrently. */
const JOBS = 4;
const ignore = () => undefined;
const NO_EVENTS: CopyEvents = {
  planned: ignore,
  blobStarted: ignore,
  blobMoved: ignore,
  blobDone: ignore,
  blobFailed: ignore,
};

/** Copies exactly the locked parts of an image. @throws {ImageError} | {RegistryError} */
export async function copyLocked(
  image: LockedImage,
  { source, destination, signal }: { source: ImageSource; destination: ImageDestination; signal: AbortSignal },
): Promise<void> {
  await copyImage(source, destination, {
    platforms: [],
    referrers: image.attachments.length > 0,
    children: new Set(image.manifests.map(({ digest }) => digest)),
    attachments: new Set(image.attachments.map(({ digest }) => digest)),
    jobs: JOBS,
    events: NO_EVENTS,
    signal,
  });
}
