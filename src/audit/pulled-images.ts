import type { Digest } from '../oci/digest.ts';
import type { PullRecord } from './pull-record.ts';

/** An image that clients pulled, or a part of it. */
export interface PulledImage {
  readonly upstream: string;
  /** The stored name. */
  readonly repository: string;
  /** Name in the newest request. Absent when it is the stored one. */
  readonly requestedAs: string | undefined;
  /** Absent when it was pulled by digest only. */
  readonly tag: string | undefined;
  readonly digest: Digest;
  /** Of an index: platform of each manifest that was pulled, if it is known. */
  readonly children: ReadonlyMap<Digest, string | undefined>;
}

interface Pulls {
  readonly upstream: string;
  readonly repository: string;
  readonly requestedAs: string | undefined;
  /** The newest digest of each tag. */
  readonly tags: Map<string, Digest>;
  readonly pulled: Set<Digest>;
  /** By index. */
  readonly children: Map<Digest, Map<Digest, string | undefined>>;
}

/**
 * The images of some pulls. A tag that was only resolved, because the client had its image, is not one.
 *
 * @param records the newest first
 */
export function pulledImages(records: Iterable<PullRecord>): PulledImage[] {
  const byRepository = new Map<string, Pulls>();
  for (const record of records) add(byRepository, record);
  return [...byRepository.values()].flatMap(imagesOf);
}

function add(byRepository: Map<string, Pulls>, record: PullRecord): void {
  const { kind, outcome, repository, upstream, reference, digest, index, platform } = record;
  const isServed = kind !== 'blobs' && outcome !== 'failed' && outcome !== 'refused';
  if (!isServed || upstream === undefined || digest === undefined || reference === undefined) return;
  const pulls = byRepository.get(repository) ?? newPulls(upstream, record);
  byRepository.set(repository, pulls);
  if (!reference.includes(':') && !pulls.tags.has(reference)) pulls.tags.set(reference, digest);
  if (kind !== 'pull') return;
  if (index === undefined) {
    pulls.pulled.add(digest);
    return;
  }
  const children = pulls.children.get(index) ?? new Map<Digest, string | undefined>();
  pulls.children.set(index, children.set(digest, platform));
}

function newPulls(upstream: string, { repository, requestedAs }: PullRecord): Pulls {
  return { upstream, repository, requestedAs, tags: new Map(), pulled: new Set(), children: new Map() };
}

function imagesOf({ upstream, repository, requestedAs, tags, pulled, children }: Pulls): PulledImage[] {
  const image = (digest: Digest, tag: string | undefined): PulledImage => ({
    ...{ upstream, repository, requestedAs, tag, digest },
    children: children.get(digest) ?? new Map<Digest, string | undefined>(),
  });
  const roots = new Set([...pulled, ...children.keys()]);
  const tagged = [...tags].filter(([, digest]) => roots.has(digest)).map(([tag, digest]) => image(digest, tag));
  const named = new Set(tagged.map(({ digest }) => digest));
  return [...tagged, ...[...roots].filter((digest) => !named.has(digest)).map((digest) => image(digest, undefined))];
}
