import type { RepositoryAction } from '../../config/config.ts';
import type { Identity } from '../../auth/identity.ts';
import type { Policy } from '../../auth/policy.ts';
import type { Target } from '../../pull-through/router.ts';

/**
 * Whether the policy allows an action on the repository of a target. Reserved names are in no rule: every client that may do anything may
 * verify that it gets here.
 */
export function allows(
  policy: Policy,
  identity: Identity,
  { storedAs, verification }: Pick<Target, 'storedAs' | 'verification'>,
  action: RepositoryAction,
): boolean {
  return verification ? action === 'pull' && policy.knows(identity) : policy.allows(identity, storedAs, action);
}
