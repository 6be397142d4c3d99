import { type Access, covers } from '../../auth/access.ts';
import type { Router } from '../../pull-through/router.ts';
import { findTarget } from '../v2/mount-source.ts';

/**
 * What tokens allow, by stored name. A scope says alone which repository it means, whatever `ns` and `Host` a request has, and however
 * the request spells the same repository.
 */
export class StoredGrants {
  readonly #router: Router;
  /** Each verified token has one list, which many requests share. */
  readonly #resolved = new WeakMap<readonly Access[], readonly Access[]>();

  constructor(router: Router) {
    this.#router = router;
  }

  /** @param grants of the token; absent: no token limits the caller */
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

/** Stored name that a scope means; absent when no registry has it. */
export function storedNameOf(repository: string, router: Router): string | undefined {
  return findTarget(() => router.route({ repository, sourceHost: undefined, host: undefined }))?.storedAs;
}
