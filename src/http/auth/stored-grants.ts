import { type Access, covers } from '../../auth/access.ts';
import type { Router } from '../../pull-through/router.ts';
import { findTarget } from '../v2/mount-source.ts';

/**
 * The grants of tokens by stored name. A scope identifies its repository alone, independent of `ns`, `Host` and the name in the request.
 */
export class StoredGrants {
  readonly #router: Router;
  /** Requests with the same verified token share one list. */
  readonly #resolved = new WeakMap<readonly Access[], readonly Access[]>();

  constructor(router: Router) {
    this.#router = router;
  }

  /** @param grants of the token; absent when no token limits the caller */
  allow(grants: readonly Access[] | undefined, storedAs: string, actions: readonly string[]): boolean {
    return grants === undefined || covers(this.#resolve(grants), { type: 'repository', name: storedAs, actions });
  }

  #resolve(grants: readonly Access[]): readonly Access[] {
    let resolved = this.#resolved.get(grants);
    if (resolved === undefined) {
      resolved = grants.flatMap((grant) => {
        const name = grant.type === 'repository' ? storedNameOf(grant.name, this.#router) : undefined;
        return name === undefined ? [] : [{ ...grant, name }];
      });
      this.#resolved.set(grants, resolved);
    }
    return resolved;
  }
}

/** Stored name of the repository in a scope. Absent when no registry has it. */
export function storedNameOf(repository: string, router: Router): string | undefined {
  return findTarget(() => router.route({ repository, sourceHost: undefined, host: undefined }))?.storedAs;
}
