import type { BlobStore } from '../content/blobs.ts';
import type { ContentCache } from '../content/content-cache.ts';
import type { StoredBytes } from '../content/stored-bytes.ts';
import { NO_REFUSALS } from '../filters/refuse-content.ts';
import type { Fills } from '../fills/fills.ts';
import type { ContentRefusals } from '../registry/refusals.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { FailurePolicy, TagRules } from './freshness.ts';
import { type CachedContent, PullThroughRegistry, type UsageListener } from './pull-through.ts';
import { PulledBlobs } from './pulled-blobs.ts';
import type { ManifestEvents } from './manifest-events.ts';
import { PulledManifests } from './pulled-manifests.ts';
import type { TagEntries } from './tag-entries.ts';

export interface PullThroughParts {
  readonly upstream: Upstream;
  /** Precedes the upstream's names in stored names; no slash at its ends, may be empty. */
  readonly storePrefix: string;
  /** How long tags are fresh, and what failures of the upstream mean for them. */
  readonly policy: TagRules & FailurePolicy;
  /** Serve stored content only. */
  readonly offline: boolean;
  /** The storage, and its content in memory. Upstreams with different prefixes may share them. */
  readonly store: { readonly blobs: Pick<BlobStore, 'link'>; readonly bytes: Pick<StoredBytes, 'has' | 'open'> };
  readonly content: ContentCache;
  readonly tags: TagEntries;
  /** Stored content, for lists while the upstream is unavailable. */
  readonly cached: CachedContent;
  /** Fetches blobs into the same storage. */
  readonly fills: Fills;
  readonly events: ManifestEvents;
  /** Called for every hit, with the stored name. */
  readonly onUsed?: UsageListener | undefined;
  /** The same for work that no client waits for. */
  readonly onUsedInBackground?: UsageListener | undefined;
  /** A fetched manifest names the digests that its tags had before. @default false */
  readonly reportsReplaced?: boolean;
  /** Content that is neither served nor fetched. @default none */
  readonly refusals?: ContentRefusals;
  /** Unix milliseconds. @default Date.now */
  readonly now?: () => number;
}

/** A registry that caches one upstream. It is closed by closing its parts. */
export function pullThrough({
  now = Date.now,
  refusals = NO_REFUSALS,
  ...parts
}: PullThroughParts): PullThroughRegistry {
  return new PullThroughRegistry({
    ...parts,
    refusals,
    manifests: new PulledManifests({ ...parts, refusals, now }),
    blobs: new PulledBlobs({ ...parts, refusals }),
  });
}
