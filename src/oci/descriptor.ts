import type { Digest } from './digest.ts';

/**
 * Media type, digest and size of some content.
 *
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md
 */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** A descriptor of a manifest, as in a referrers list or an image index. */
export interface ManifestDescriptor extends Descriptor {
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Readonly<Record<string, unknown>>;
}

/** Media type of every blob in the distribution API, which does not transmit a more specific one. */
export const OCTET_STREAM = 'application/octet-stream';
