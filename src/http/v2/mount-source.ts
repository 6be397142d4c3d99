import { parseRepositoryName } from '../../oci/reference.ts';
import type { Target } from '../../pull-through/router.ts';

/**
 * Resolves the `from` of a mount to a repository, routed like every other name. Absent when the client may not pull from it. The blob is
 * mounted from the repository that was checked.
 */
export type FindMountSource = (repository: string) => Target | undefined;

export interface MountSourceOptions {
  /** @throws {RegistryError} for a name that no registry has */
  readonly route: (repository: string) => Target;
  /** @param repository stored name */
  readonly mayPull: (repository: string) => boolean;
}

export function createMountSource({ route, mayPull }: MountSourceOptions): FindMountSource {
  return (repository) => {
    const found = findTarget(() => route(parseRepositoryName(repository)));
    if (!found || !mayPull(found.storedAs)) return undefined;
    return found.allows?.(found.repository) === false ? undefined : found;
  };
}

/** Absent when no registry has the name, or it is invalid. */
export function findTarget(route: () => Target): Target | undefined {
  try {
    return route();
  } catch {
    return undefined;
  }
}
