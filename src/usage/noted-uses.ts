import type { Digest } from '../oci/digest.ts';
import type { ManifestParts } from './manifest-parts.ts';
import { type ContentReference, referenceKey, type UsageIndex, type Use } from './usage-index.ts';

/** A use that is not in the index yet. */
export interface NotedUse extends ContentReference {
  readonly size: number;
  /** Time of the first use since the last write. Unix milliseconds. */
  readonly at: number;
  /** The content was linked by this use. */
  readonly isNew: boolean;
  /** By work that no client waits for; `at` is earlier than the use. */
  readonly isAged: boolean;
}

export interface UsesOptions {
  readonly index: UsageIndex;
  readonly parts: ManifestParts;
  /** A use so soon after the recorded one is not written. Milliseconds. */
  readonly granularityMs: number;
}

/** Depth of an index of indexes of images. */
const MAX_DEPTH = 4;

/**
 * The uses to record. A use of a manifest counts for everything that it refers to, because clients that have a layer do not request it
 * again. Costs a few reads of the index, however many uses there are.
 */
export async function usesOf(noted: readonly NotedUse[], { index, parts, granularityMs }: UsesOptions): Promise<Use[]> {
  const known = await index.findAll(noted);
  const manifests = noted.filter(({ kind }) => kind === 'manifest');
  const partsOf = await partsByManifest(manifests, { index, parts });
  const worthy = noted.filter((use, i) => {
    const lastUsedAt = use.isNew ? undefined : known[i]?.lastUsedAt;
    return lastUsedAt === undefined || use.at - lastUsedAt >= granularityMs || partsOf.wasUnknown(use.digest);
  });
  const uses: Use[] = worthy.map(({ isNew, isAged: _, ...use }) => ({
    ...use,
    // Content that another process removed meanwhile must not return to the index.
    ...(index.isShared && !isNew && { onlyKnown: true }),
  }));
  let parents: readonly Use[] = uses.filter(({ kind }) => kind === 'manifest');
  for (let depth = 0; depth <= MAX_DEPTH && parents.length > 0; depth++) {
    const found = await usesOfParts(parents, index);
    uses.push(...found.blobs, ...found.manifests);
    parents = found.manifests;
  }
  return uses;
}

async function partsByManifest(
  manifests: readonly NotedUse[],
  { index, parts }: Pick<UsesOptions, 'index' | 'parts'>,
): Promise<{ wasUnknown(digest: Digest): boolean }> {
  const known = await index.partsOfAll(manifests.map(({ digest }) => digest));
  const unknown = manifests.filter((_, i) => known[i] === undefined);
  for (const { repository, digest } of unknown) await parts.of(repository, digest);
  const digests = new Set(unknown.map(({ digest }) => digest));
  return { wasUnknown: (digest) => digests.has(digest) };
}

async function usesOfParts(parents: readonly Use[], index: UsageIndex): Promise<{ blobs: Use[]; manifests: Use[] }> {
  const partsOf = await index.partsOfAll(parents.map(({ digest }) => digest));
  const parts = new Map<string, Use>();
  for (const [i, { repository, at }] of parents.entries()) {
    for (const digest of partsOf[i] ?? []) {
      const use = { repository, digest, kind: 'blob', at, onlyKnown: true } as const;
      parts.set(referenceKey(use), use);
    }
  }
  const blobs = [...parts.values()];
  const asManifests = blobs.map((use) => ({ ...use, kind: 'manifest' as const }));
  const known = await index.findAll(asManifests);
  return { blobs, manifests: asManifests.filter((_, i) => known[i] !== undefined) };
}
