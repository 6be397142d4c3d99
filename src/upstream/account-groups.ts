import type { Member } from '../budget/members.ts';
import { matchGlobs } from '../matching/glob.ts';
import type { CredentialsOptions } from './upstream-options.ts';

/** Credentials that are used as one account. */
export interface AccountGroup extends Member {
  readonly credentials: readonly CredentialsOptions[];
}

/**
 * The accounts of an upstream. With `order` all credentials are one account, the first of them that has something for the host; those with
 * `for` or `groups` are separate accounts. With `most` each is an account. One account is always for clients and names that no other one
 * is for.
 */
export function accountGroups(
  credentials: readonly CredentialsOptions[],
  pool: 'most' | 'order',
): readonly AccountGroup[] {
  const isShared = (each: CredentialsOptions) => each.for === undefined && each.groups === undefined;
  const own = credentials.filter((each) => !isShared(each));
  const shared = credentials.filter(isShared);
  const sets = [...own.map((each) => [each]), ...(pool === 'order' ? [shared] : shared.map((each) => [each]))];
  const named = shared.length === 0 && pool === 'most' ? [...sets, []] : sets;
  const names = uniqueNames(named.map(nameOf));
  return named.map((set, index) => {
    const isFor = set[0]?.for && matchGlobs(set[0].for);
    const groups = set[0]?.groups;
    return { name: names[index] as string, credentials: set, ...(isFor && { isFor }), ...(groups && { groups }) };
  });
}

/** The configured name, else the user name. */
function nameOf([first]: readonly CredentialsOptions[]): string {
  if (first === undefined || first.kind === 'anonymous') return first?.name ?? 'anonymous';
  const username = first.kind === 'static' || first.kind === 'file' ? first.username : undefined;
  return first.name ?? username ?? first.kind;
}

function uniqueNames(names: readonly string[]): readonly string[] {
  return names.map((name, index) => {
    const earlier = names.slice(0, index).filter((other) => other === name).length;
    return earlier === 0 ? name : `${name}-${earlier + 1}`;
  });
}
