import { type Access, ADMIN, CATALOG, parseScope } from '../../auth/access.ts';
import type { Identity } from '../../auth/identity.ts';
import type { Policy } from '../../auth/policy.ts';
import { RegistryError } from '../../oci/errors.ts';
import type { Router } from '../../pull-through/router.ts';
import { findTarget } from '../v2/mount-source.ts';
import { allows } from './allows.ts';

/** Per token; Docker requests at most two. */
const MAX_SCOPES = 100;

const ACTIONS = ['pull', 'push', 'delete'] as const;

/**
 * The part of the requested scopes that the policy allows.
 *
 * @param requested `scope` parameters, each with one or more scopes
 * @throws {RegistryError} `UNSUPPORTED` with status 400 for too many of them
 */
export function grantedOf(
  requested: readonly string[],
  identity: Identity,
  { policy, router }: { readonly policy: Policy; readonly router: Router },
): Access[] {
  const scopes = requested.flatMap((text) => text.split(' ')).filter(Boolean);
  if (scopes.length > MAX_SCOPES)
    throw new RegistryError('UNSUPPORTED', `more than ${MAX_SCOPES} scopes`, { status: 400 });
  const accesses = scopes.map(parseScope).filter((access) => access !== undefined);
  return accesses
    .map((access) => granted(access, identity, { policy, router }))
    .filter(({ actions }) => actions.length > 0);
}

function granted(
  access: Access,
  identity: Identity,
  { policy, router }: { readonly policy: Policy; readonly router: Router },
): Access {
  const { type, name, actions } = access;
  const isCatalog = type === CATALOG.type && name === CATALOG.name;
  if (type === ADMIN.type && name === ADMIN.name)
    return policy.mayAdminister(identity) ? ADMIN : { ...access, actions: [] };
  if (isCatalog) return policy.knows(identity) ? CATALOG : { ...access, actions: [] };
  const target =
    type === 'repository'
      ? findTarget(() => router.route({ repository: name, sourceHost: undefined, host: undefined }))
      : undefined;
  if (target === undefined) return { ...access, actions: [] };
  const known = ACTIONS.filter((action) => actions.includes(action) || actions.includes('*'));
  return { ...access, actions: known.filter((action) => allows(policy, identity, target, action)) };
}
