import type { Descriptor, ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';

export interface ImageManifest extends Descriptor {
  readonly bytes: Buffer;
}

/** Content that is attached to an image by the name of its tag. */
export interface TaggedManifest {
  readonly tag: string;
  readonly manifest: ImageManifest;
}

/** An image in a registry, layout or archive. Its content is not verified: the reader does that. */
export interface ImageSource {
  /** As the user typed it. */
  readonly name: string;
  /** Its tag in this place. */
  readonly tag: string | undefined;
  /** The name that container engines use; undefined when it is not known. */
  readonly fullName: string | undefined;
  /** The repository that its blobs can be mounted from; undefined outside registries. */
  readonly repository: { readonly host: string; readonly name: string } | undefined;

  /** Whether the chunks of a blob stay valid when the next one is requested. */
  readonly areChunksStable: boolean;

  /** The requested manifest. @throws {ImageError} | {RegistryError} */
  root(): Promise<ImageManifest>;

  /** Bytes of a manifest below the root, or of a referrer. @throws {ImageError} | {RegistryError} */
  manifest(descriptor: Descriptor): Promise<Buffer>;

  /** From `start` to the end; broken connections are resumed. @throws {ImageError} | {RegistryError} */
  blob(
    descriptor: Descriptor,
    options: { readonly start: number; readonly signal: AbortSignal },
  ): AsyncIterable<Uint8Array>;

  /** Referrers of a manifest, by the API, the tag schema, or the layout's index. */
  referrers(digest: Digest): Promise<readonly ManifestDescriptor[]>;

  /** Signatures, attestations and SBOMs of a manifest that are found by their tags: `sha256-….sig`. @throws {ImageError} | {RegistryError} */
  digestTags(digest: Digest): Promise<readonly TaggedManifest[]>;

  close(): Promise<void>;
}
