import type { Digest } from '../oci/digest.ts';
import type { RegistryError } from '../oci/errors.ts';
import type { Reference } from '../oci/reference.ts';
import type { Registry } from './registry.ts';

/** What a client requests of a repository. */
export type WantedContent =
  | { readonly kind: 'manifest'; readonly reference: Reference }
  | { readonly kind: 'blob'; readonly digest: Digest }
  | { readonly kind: 'tags' };

/** The client of a request. */
export interface AccessCaller {
  /** Empty for an anonymous one. */
  readonly name: string;
  readonly groups: readonly string[];
  /** The header that it sent, when it is not for this registry. */
  readonly authorization: string | undefined;
  /** The error with which it is requested to identify itself. Absent when it cannot. */
  readonly challenge?: (() => RegistryError | undefined) | undefined;
}

/** Which of an upstream's repositories a client may read. Repositories have their names at the upstream. */
export interface RepositoryAccess {
  /** Clients may present tokens of the upstream. */
  readonly takesTokens: boolean;
  /** The upstream as this client may use it: every call is decided before any look-up. */
  registryFor(caller: AccessCaller): Registry;
  /** Decides whether a client may read a repository, without effects for it. */
  decide(repository: string, caller: AccessCaller, wanted: WantedContent): Promise<boolean>;
  /** Whether a decision in memory allows it. */
  isAdmitted(repository: string, caller: AccessCaller): boolean;
}
