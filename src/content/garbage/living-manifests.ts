import type { Digest } from '../../oci/digest.ts';

export interface RevisionNode {
  /** What a manifest is made of: blobs, and for an index other manifests. */
  readonly parts: readonly Digest[];
  /** What it is attached to. */
  readonly subject: Digest | undefined;
}

/**
 * The manifests of a repository that are to be had from the roots: those themselves, what an index among them lists, and, if
 * wanted, what is attached to any of them.
 */
export function livingManifests(
  nodes: ReadonlyMap<Digest, RevisionNode>,
  roots: ReadonlySet<Digest>,
  { keepReferrers }: { readonly keepReferrers: boolean },
): Set<Digest> {
  const referrers = keepReferrers ? referrersBySubject(nodes) : new Map<Digest, Digest[]>();
  const living = new Set<Digest>();
  const waiting = [...roots];
  for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
    const node = nodes.get(digest);
    if (!node || living.has(digest)) continue;
    living.add(digest);
    waiting.push(...node.parts, ...(referrers.get(digest) ?? []));
  }
  return living;
}

function referrersBySubject(nodes: ReadonlyMap<Digest, RevisionNode>): Map<Digest, Digest[]> {
  const referrers = new Map<Digest, Digest[]>();
  for (const [digest, { subject }] of nodes) {
    if (subject !== undefined) referrers.set(subject, [...(referrers.get(subject) ?? []), digest]);
  }
  return referrers;
}
