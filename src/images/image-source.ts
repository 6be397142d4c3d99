import type { Descriptor, ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';

export interface ImageManifest extends Descriptor {
  readonly bytes: Buffer;
}

/** An image that can be read, wherever it is. What it gives is not verified: whoever reads does that. */
export interface ImageSource {
  /** As the user wrote it. */
  readonly name: string;
  /** The tag that it has there. */
  readonly tag: string | undefined;
  /** As a container engine would call it; undefined where nothing says. */
  readonly fullName: string | undefined;
  /** For a mount: where its blobs are, when that is a registry. */
  readonly repository: { readonly host: string; readonly name: string } | undefined;

  /** The manifest that was asked for. @throws {ImageError} | {UpstreamError} */
  root(): Promise<ImageManifest>;

  /** Bytes of a manifest below the root, or attached to it. @throws {ImageError} | {UpstreamError} */
  manifest(descriptor: Descriptor): Promise<Buffer>;

  /** From `start` to the end, however often the connection breaks. @throws {ImageError} | {UpstreamError} */
  blob(
    descriptor: Descriptor,
    options: { readonly start: number; readonly signal: AbortSignal },
  ): AsyncIterable<Uint8Array>;

  /** What is attached to a manifest, by the API, the tag schema, or the layout's index. */
  referrers(digest: Digest): Promise<readonly ManifestDescriptor[]>;

  close(): Promise<void>;
}
