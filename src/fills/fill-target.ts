import type { Digest } from '../oci/digest.ts';
import type { ByteSource } from '../stream/byte-source.ts';

/** The storage of finished blobs. */
export interface FillTarget {
  readonly blobs: {
    /** Takes the file over as the blob's bytes and links it to the repository. */
    commit(repository: string, digest: Digest, localFile: string, started?: StartedCommit): Promise<void>;
    link(repository: string, digest: Digest): Promise<void>;
  };
  readonly bytes: {
    /** Starts while the file is still growing. Absent when that saves no time. */
    startCommit?(digest: Digest, localFile: string, options: { readonly size: number }): StartedCommit | undefined;
    /** Verified bytes, whichever repository has them. The caller closes the source. */
    open(digest: Digest): Promise<ByteSource | undefined>;
  };
}

/** A write to storage that has started, invisible before the commit. */
export interface StartedCommit {
  /** The file has `bytes` bytes by now. */
  available(bytes: number): void;
  finish(): Promise<void>;
  /** Never rejects. Safe to call after {@link finish}. */
  abort(): Promise<void>;
}
