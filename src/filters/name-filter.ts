import { matchGlobs } from '../matching/glob.ts';
import { RegistryError } from '../oci/errors.ts';

export interface NameFilterOptions {
  /** Globs over the registry's repository names; empty: all. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

/** Whether a repository may be used. */
export type NameFilter = (repository: string) => boolean;

/** The reason why a repository must not be used; absent when it may be. */
export type NameRefusal = (repository: string) => RegistryError | undefined;

export function createNameFilter({ allow, deny }: NameFilterOptions): NameFilter {
  const allowed = allow.length === 0 ? () => true : matchGlobs(allow);
  const denied = deny.length === 0 ? () => false : matchGlobs(deny);
  return (repository) => allowed(repository) && !denied(repository);
}

/** @param registry its name, for the message */
export function refuseNames(isAllowed: NameFilter, registry: string): NameRefusal {
  return (repository) => {
    if (isAllowed(repository)) return undefined;
    const message = `${registry}/${repository} is excluded by the allow or deny list of ${registry}`;
    return new RegistryError('DENIED', message);
  };
}
