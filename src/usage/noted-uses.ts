import type { Digest } from '../oci/digest.ts';
import type { ManifestParts } from './manifest-parts.ts';
import { type ContentReference, referenceKey, type UsageIndex, type Use } from './usage-index.ts';

/** A use that the index does not know yet. */
export interface NotedUse extends ContentReference {
  readonly size: number;
  /** The first since the last write. Unix milliseconds. */
  readonly at: number;
  /** Just linked. */
  readonly isNew: boolean;
}

export interface UsesOptions {
  readonly index: UsageIndex;
  readonly parts: ManifestParts;
  /** A use so soon after the one that is recorded is not worth a write. Milliseconds. */
  readonly granularityMs: number;
}

/** An index of indexes of images; deeper ones are not made by anybody. */
const MAX_DEPTH = 4;

/**
 * What is to be recorded for these: a manifest counts for everything that it is made of, as clients that have a layer do not ask for it
 * again. A few reads of the index, however many uses there are.
 */
export async function usesOf(noted: readonly NotedUse[], { index, parts, granularityMs }: UsesOptions): Promise<Use[]> {
  const known = await index.findAll(noted);
  const manifests = noted.filter(({ kind }) => kind === 'manifest');
  const partsOf = await partsByManifest(manifests, { index, parts });
  const worthy = noted.filter((use, i) => {
    const lastUsedAt = use.isNew ? undefined : known[i]?.lastUsedAt;
    return lastUsedAt === undefined || use.at - lastUsedAt >= granularityMs || partsOf.wasUnknown(use.digest);
  });
  const uses: Use[] = worthy.map(({ isNew, ...use }) => ({
    ...use,
    // What the index does not know and others removed meanwhile is not to come back.
    ...(index.isShared && !isNew && { onlyKnown: true }),
  }));
  let wholes: readonly Use[] = uses.filter(({ kind }) => kind === 'manifest');
  for (let depth = 0; depth <= MAX_DEPTH && wholes.length > 0; depth++) {
    const found = await usesOfParts(wholes, index);
    uses.push(...found.blobs, ...found.manifests);
    wholes = found.manifests;
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

async function usesOfParts(wholes: readonly Use[], index: UsageIndex): Promise<{ blobs: Use[]; manifests: Use[] }> {
  const partsOf = await index.partsOfAll(wholes.map(({ digest }) => digest));
  const parts = new Map<string, Use>();
  for (const [i, { repository, at }] of wholes.entries()) {
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
