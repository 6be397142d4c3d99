import { parseRepositoryName } from '../../oci/reference.ts';
import type { Target } from '../../pull-through/router.ts';

/**
 * The repository that the `from` of a mount leads to, routed like every other name; absent when the client may not pull from it. What
 * is checked is therefore what is mounted.
 */
export type FindMountSource = (repository: string) => Target | undefined;

export interface MountSourceOptions {
  /** @throws {RegistryError} for a name that no registry has */
  readonly route: (repository: string) => Target;
  /** Whether the target's registry serves its repository. */
  readonly isAllowed: (target: Target) => boolean;
  /** By stored name. */
  readonly mayPull: (repository: string) => boolean;
}

export function createMountSource({ route, isAllowed, mayPull }: MountSourceOptions): FindMountSource {
  return (repository) => {
    const found = findTarget(() => route(parseRepositoryName(repository)));
    return found && mayPull(found.storedAs) && isAllowed(found) ? found : undefined;
  };
}

/** Absent for a name that no registry has, or that is none. */
export function findTarget(route: () => Target): Target | undefined {
  try {
    return route();
  } catch {
    return undefined;
  }
}
