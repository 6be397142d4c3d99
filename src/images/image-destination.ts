import type { Descriptor } from '../oci/descriptor.ts';
import type { BlobFeed } from './blob-feed.ts';
import type { ImageManifest } from './image-source.ts';

/** Where an image is copied to. Nothing is named before all of it is there. */
export interface ImageDestination {
  readonly name: string;
  /** Blobs that it can take at once. */
  readonly maxJobs: number;

  hasBlob(descriptor: Descriptor): Promise<boolean>;

  /** @throws {ImageError} | {UpstreamError}, and then the blob is not there */
  putBlob(feed: BlobFeed): Promise<'copied' | 'mounted'>;

  /** Known by its digest only. What it refers to is there already. */
  putManifest(manifest: ImageManifest): Promise<void>;

  /** The last of all: it gets the name that was asked for. */
  putRoot(manifest: ImageManifest): Promise<void>;

  /** What has been put is kept. */
  commit(): Promise<void>;

  /** Leaves nothing half-written, but for what another run goes on with. Safe after {@link commit}. */
  close(): Promise<void>;
}
