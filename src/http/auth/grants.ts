import { type Access, CATALOG, parseScope } from '../../auth/access.ts';
import type { Identity } from '../../auth/identity.ts';
import type { Policy } from '../../auth/policy.ts';
import { RegistryError } from '../../oci/errors.ts';
import type { Router } from '../../pull-through/router.ts';
import { storedNameOf } from './stored-grants.ts';

/** Of one token; Docker asks for two at most. */
const MAX_SCOPES = 100;

const ACTIONS = ['pull', 'push', 'delete'] as const;

/**
 * What a token may be for: the part of the scopes asked for that the policy allows.
 *
 * @param asked `scope` parameters, each with one or several of them
 */
export function grantedOf(
  asked: readonly string[],
  identity: Identity,
  { policy, router }: { readonly policy: Policy; readonly router: Router },
): Access[] {
  const scopes = asked.flatMap((text) => text.split(' ')).filter(Boolean);
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
  if (isCatalog) return policy.knows(identity) ? CATALOG : { ...access, actions: [] };
  const storedAs = type === 'repository' ? storedNameOf(name, router) : undefined;
  if (storedAs === undefined) return { ...access, actions: [] };
  const wanted = ACTIONS.filter((action) => actions.includes(action) || actions.includes('*'));
  return { ...access, actions: wanted.filter((action) => policy.allows(identity, storedAs, action)) };
}
