import type { Digest } from '../oci/digest.ts';
import type { ByteSource } from '../stream/byte-source.ts';

/** Where finished blobs go. */
export interface FillTarget {
  /** Takes the file over as the blob's bytes and links it to the repository. */
  commitBlob(repository: string, digest: Digest, localFile: string, started?: StartedCommit): Promise<void>;
  /** Begins while the file is still growing; absent when that gains nothing. */
  startCommit?(digest: Digest, localFile: string, options: { readonly size: number }): StartedCommit | undefined;
  linkBlob(repository: string, digest: Digest): Promise<void>;
  /** Verified bytes, whoever has them. The caller closes them. */
  openBytes(digest: Digest): Promise<ByteSource | undefined>;
}

/** Bytes on their way to storage, invisible before the commit. */
export interface StartedCommit {
  /** The file has so many bytes. */
  available(bytes: number): void;
  finish(): Promise<void>;
  /** Never fails. Safe to call after {@link finish}. */
  abort(): Promise<void>;
}
