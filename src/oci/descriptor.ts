import type { Digest } from './digest.ts';

/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** A descriptor as a referrers list or an image index carries it. */
export interface ManifestDescriptor extends Descriptor {
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Readonly<Record<string, unknown>>;
}

/** Blobs have no media type of their own over the distribution API. */
export const OCTET_STREAM = 'application/octet-stream';
