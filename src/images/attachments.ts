import type { Digest } from '../oci/digest.ts';
import type { ImageSource, TaggedManifest } from './image-source.ts';
import { fetchManifest, type Planner } from './plan.ts';

export interface Attachments {
  /** Manifests that are attached, without those below them. */
  readonly count: number;
  /** Those among them that are found by their tags. */
  readonly tags: readonly TaggedManifest[];
}

/**
 * Adds the attachments of a plan's manifests, and their attachments.
 *
 * @param wanted only these; absent: all
 * @throws {ImageError} also when one of the wanted is missing, or {RegistryError}
 */
export async function addAttachments(
  source: Pick<ImageSource, 'referrers' | 'digestTags' | 'manifest' | 'name'>,
  planner: Planner,
  wanted?: ReadonlySet<Digest>,
): Promise<Attachments> {
  const isWanted = (digest: Digest) => wanted?.has(digest) ?? true;
  const visited = new Set<Digest>();
  const attached = new Set<Digest>();
  const tags: TaggedManifest[] = [];
  for (;;) {
    const next = planner.plan.manifests.find(({ digest }) => !visited.has(digest));
    if (!next) break;
    visited.add(next.digest);
    for (const referrer of await source.referrers(next.digest)) {
      if (!isWanted(referrer.digest)) continue;
      attached.add(referrer.digest);
      if (!planner.has(referrer.digest)) await planner.add(await fetchManifest(source, referrer));
    }
    for (const tagged of await source.digestTags(next.digest)) {
      if (!isWanted(tagged.manifest.digest)) continue;
      attached.add(tagged.manifest.digest);
      tags.push(tagged);
      await planner.add(tagged.manifest);
    }
  }
  planner.require(wanted ?? []);
  return { count: attached.size, tags };
}
