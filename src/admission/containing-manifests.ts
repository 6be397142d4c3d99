import type { Digest } from '../oci/digest.ts';
import type { UsageIndex } from '../usage/usage-index.ts';
import type { DecidedContent } from './decision.ts';

/** The part of the index that is needed. */
export type PartsIndex = Pick<UsageIndex, 'parentsOf' | 'find'>;

/** A base layer is part of thousands of images, in other repositories too. */
const MAX_LOOKED_AT = 20_000;
const MAX_FOUND = 200;

/** The stored manifests of a repository that consist of some content, such as the indexes that list an image. */
export async function* containingManifests(
  index: PartsIndex,
  { repository, digest }: DecidedContent,
): AsyncGenerator<Digest, void, void> {
  let lookedAt = 0;
  let found = 0;
  for await (const parent of index.parentsOf(digest)) {
    if (++lookedAt > MAX_LOOKED_AT) return;
    if (!(await index.find({ repository, digest: parent, kind: 'manifest' }))) continue;
    yield parent;
    if (++found >= MAX_FOUND) return;
  }
}
