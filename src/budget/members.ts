/** An account of an upstream, or none: anonymous requests are those of an address. */
export interface Member {
  readonly name: string;
  /** Repositories that only this member sees. Absent for one that serves all others. */
  readonly isFor?: ((repository: string) => boolean) | undefined;
  /** Groups of the only clients that it pulls for. Absent for one that pulls for all of them. */
  readonly groups?: readonly string[] | undefined;
}

/**
 * Private names are shown only to the members that are for them.
 *
 * @param account name of the only one; empty for any that pulls for every client
 */
export function membersFor<M extends Member>(
  members: readonly M[],
  repository: string | undefined,
  account?: string,
): readonly M[] {
  if (account) return members.filter(({ name }) => name === account);
  const usable = account === undefined ? members : members.filter(({ groups }) => groups === undefined);
  if (repository !== undefined) {
    const own = usable.filter(({ isFor }) => isFor?.(repository));
    if (own.length > 0) return own;
  }
  return usable.filter(({ isFor, groups }) => isFor === undefined && groups === undefined);
}

export interface Candidate<M extends Member = Member> {
  readonly member: M;
  /** Pulls available; undefined without limit. */
  readonly left: number | undefined;
  /** At this many or fewer, another member is preferred. */
  readonly reserve: number;
  /** It cannot log in. */
  readonly isAside: boolean;
}

/**
 * The member for a repository: the one that served it last, until its bucket is at the reserve, as tokens are for one repository and account;
 * then the one with the most left. One that cannot log in is the last resort.
 */
export function chooseMember<M extends Member>(
  candidates: readonly Candidate<M>[],
  { pool, last }: { readonly pool: 'most' | 'order'; readonly last: string | undefined },
): Candidate<M> | undefined {
  const usable = candidates.filter(({ isAside }) => !isAside);
  const from = usable.length > 0 ? usable : candidates;
  if (pool === 'order') return from[0];
  const known = from.find(({ member }) => member.name === last);
  if (known && leftOf(known) > known.reserve) return known;
  return from.reduce<Candidate<M> | undefined>(
    (best, each) => (best === undefined || leftOf(each) > leftOf(best) ? each : best),
    undefined,
  );
}

function leftOf({ left = Infinity }: Candidate): number {
  return left;
}
