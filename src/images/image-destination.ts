import type { Descriptor } from '../oci/descriptor.ts';
import type { BlobFeed } from './blob-feed.ts';
import type { ImageManifest } from './image-source.ts';

/** A place that an image is copied to. The image gets its name when it is complete. */
export interface ImageDestination {
  readonly name: string;
  /** Blobs that it accepts concurrently. */
  readonly maxJobs: number;

  hasBlob(descriptor: Descriptor): Promise<boolean>;

  /** @throws {ImageError} | {RegistryError}, and then the blob is not there */
  putBlob(feed: BlobFeed): Promise<'copied' | 'mounted'>;

  /** Named by its digest only. The content that it refers to is there already. */
  putManifest(manifest: ImageManifest): Promise<void>;

  /** Named by its digest and by a tag of the same repository. */
  putTag(manifest: ImageManifest, tag: string): Promise<void>;

  /** Put last; it gets the requested name. */
  putRoot(manifest: ImageManifest): Promise<void>;

  /** Makes the image visible. */
  commit(): Promise<void>;

  /** Removes incomplete content, except for what another run resumes. Safe after {@link commit}. */
  close(): Promise<void>;
}
