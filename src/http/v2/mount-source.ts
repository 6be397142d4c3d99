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
  /** Whether the target's registry serves its repository. */
  readonly isAllowed: (target: Target) => boolean;
  /** @param repository stored name */
  readonly mayPull: (repository: string) => boolean;
}

export function createMountSource({ route, isAllowed, mayPull }: MountSourceOptions): FindMountSource {
  return (repository) => {
    const found = findTarget(() => route(parseRepositoryName(repository)));
    return found && mayPull(found.storedAs) && isAllowed(found) ? found : undefined;
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
