import type { Digest } from '../../oci/digest.ts';
import { inTurns } from '../../stream/next-turn.ts';

export interface RevisionNode {
  /** What the manifest refers to: blobs, and for an index other manifests. */
  readonly parts: readonly Digest[];
  /** The manifest that it is attached to. */
  readonly subject: Digest | undefined;
}

/** The manifests of a repository that are reachable from the roots: the roots, those that an index lists and, on demand, referrers. */
export async function livingManifests(
  nodes: ReadonlyMap<Digest, RevisionNode>,
  roots: ReadonlySet<Digest>,
  { keepReferrers }: { readonly keepReferrers: boolean },
): Promise<Set<Digest>> {
  const referrers = keepReferrers ? await referrersBySubject(nodes) : new Map<Digest, Digest[]>();
  const living = new Set<Digest>();
  const waiting = [...roots];
  const live = (digest: Digest) => {
    const node = nodes.get(digest);
    if (!node || living.has(digest)) return;
    living.add(digest);
    // One by one: there may be more than one call can have arguments.
    for (const part of node.parts) waiting.push(part);
    for (const referrer of referrers.get(digest) ?? []) waiting.push(referrer);
  };
  await inTurns(popping(waiting), live);
  return living;
}

/** The items of a list that grows meanwhile. */
function* popping<T>(items: T[]): Generator<T, void, void> {
  for (let item = items.pop(); item !== undefined; item = items.pop()) yield item;
}

async function referrersBySubject(nodes: ReadonlyMap<Digest, RevisionNode>): Promise<Map<Digest, Digest[]>> {
  const bySubject = new Map<Digest, Digest[]>();
  await inTurns(nodes, ([digest, { subject }]) => {
    if (subject === undefined) return;
    const referrers = bySubject.get(subject);
    if (referrers) referrers.push(digest);
    else bySubject.set(subject, [digest]);
  });
  return bySubject;
}
