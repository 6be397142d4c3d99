import type { Digest } from '../../oci/digest.ts';

export interface RevisionNode {
  /** What the manifest refers to: blobs, and for an index other manifests. */
  readonly parts: readonly Digest[];
  /** The manifest that it is attached to. */
  readonly subject: Digest | undefined;
}

/** The manifests of a repository that are reachable from the roots: the roots, those that an index lists and, on demand, referrers. */
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
