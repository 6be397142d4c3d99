import type { SyncRuleConfig } from '../config/config.ts';
import type { ImageSource } from '../images/image-source.ts';
import { readManifest } from '../images/plan.ts';
import { RegistrySource } from '../images/registry-source.ts';
import { BackgroundRegistry } from '../jobs/background-registry.ts';
import { failureOf, reasonOf } from '../jobs/image-warmer.ts';
import { chooseManifests } from '../lists/resolve-image.ts';
import type { Digest } from '../oci/digest.ts';
import type { JobImage } from '../operations/job-control.ts';
import { type RuleImage, RuleTags, type SyncCache } from './rule-tags.ts';

/**
 * What a run of the rule would do, as if it had been done: one list of tags for each repository, and one `HEAD` for each tag that is not
 * fresh. Nothing is fetched.
 *
 * @throws the reason of the signal
 */
export async function previewRule(rule: SyncRuleConfig, cache: SyncCache, signal: AbortSignal): Promise<JobImage[]> {
  const { images, gone, failed } = await new RuleTags(rule, cache).find(signal);
  const rows = [...failed];
  for (const image of images) rows.push(await previewImage(image, cache, signal));
  const reason = rule.gone === 'keep' ? 'would be kept' : 'would be removed if the upstream does not have it';
  return [
    ...rows,
    ...gone.map(({ name }) => rowOf(name, 'gone', { reason: `the upstream no longer lists it; it ${reason}` })),
  ];
}

async function previewImage(image: RuleImage, cache: SyncCache, signal: AbortSignal): Promise<JobImage> {
  const { name, location } = image;
  const { registry } = cache.find(location.host, location.repository);
  try {
    const call = { background: 'sync', signal } as const;
    const { digest, previous } = await registry.confirmTag(location.repository, location.tag, call);
    if (previous !== undefined && previous !== digest) return rowOf(name, 'moved', { digest, was: previous });
    return rowOf(name, (await isCached(image, digest, { cache, signal })) ? 'present' : 'fetched', { digest });
  } catch (err) {
    signal.throwIfAborted();
    return rowOf(name, failureOf(err, false), { reason: reasonOf(err) });
  }
}

function rowOf(
  name: string,
  outcome: JobImage['outcome'],
  more: Pick<JobImage, 'digest' | 'was' | 'reason'>,
): JobImage {
  return { name, bytes: 0, spent: 0, outcome, ...more };
}

/** Whether all of it is in the cache. @throws {ImageError} for an index without one of the platforms */
async function isCached(
  image: RuleImage,
  digest: Digest,
  { cache, signal }: { readonly cache: SyncCache; readonly signal: AbortSignal },
): Promise<boolean> {
  const { host, repository, tag } = image.location;
  const { registry, stored } = cache.find(host, repository);
  const root = await registry.cachedManifest(repository, digest);
  if (!root) return false;
  const { fetching } = cache;
  const source: ImageSource = new RegistrySource({
    registry: new BackgroundRegistry({ registry, stored, class: 'sync', signal, fetching }),
    location: { ...image.location, digest },
    signal,
  });
  const hasEntries = readManifest(root, image.name).references.some(({ kind }) => kind === 'manifest');
  // The platform of a single image is in its configuration, which may not be here.
  const chosen = hasEntries ? await chooseManifests(source, root, image.platforms) : [];
  const parts = {
    host,
    repository,
    tag,
    digest,
    manifests: chosen.map((entry) => entry.digest),
    attachments: [],
    read: false,
  };
  return (await cache.check(parts)).missing.length === 0;
}
