import type { Digest } from '../oci/digest.ts';
import type { RegistryError } from '../oci/errors.ts';

/** Content that no client gets, and that is neither fetched nor pushed. Names are stored ones. */
export interface ContentRefusals {
  /** Nothing is refused now. */
  readonly isEmpty: boolean;
  /** The reason why nothing of a repository is served. Absent when it may be. */
  ofName(repository: string): RegistryError | undefined;
  /** The reason why a manifest or blob is not served, in any repository. Absent when it may be. */
  ofDigest(repository: string, digest: Digest): RegistryError | undefined;
}
