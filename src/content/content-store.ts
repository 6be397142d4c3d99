import type { Digest } from '../oci/digest.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { BlobLinks } from './blob-links.ts';
import { BlobStore } from './blobs.ts';
import { createReplaceableWriter } from './content-writer.ts';
import type { DamageListener } from './damage.ts';
import { DigestLocks } from './digest-locks.ts';
import { CollectionGuard } from './garbage/collection-guard.ts';
import { GarbageCollector, type GarbageCollectorOptions } from './garbage/garbage-collector.ts';
import type { LinkLedger } from './link-ledger.ts';
import { Linking } from './linking.ts';
import { LinkStore } from './links.ts';
import { ManifestFiles } from './manifest-files.ts';
import { ManifestPush } from './manifest-push.ts';
import { ManifestStore } from './manifests.ts';
import { ReferrerStore } from './referrers.ts';
import { RepositoryStore } from './repositories.ts';
import { StoredBytes } from './stored-bytes.ts';
import { TagStore } from './tags.ts';

/** A link younger than this share of the grace period proves that its content is in use. */
const FRESH = 0.25;
const GRACE_MS = 3_600_000;

export type CollectorOptions = Pick<
  GarbageCollectorOptions,
  'isCollected' | 'isHeld' | 'onForgotten' | 'onBytesRemoved' | 'now'
>;

export interface ContentStoreOptions {
  readonly driver: StorageDriver;
  /** Called each time something is found damaged. */
  readonly onDamage: DamageListener;
  /** Absent when no usage record is kept. */
  readonly ledger?: LinkLedger | undefined;
  /** Reading writes nothing. @default false */
  readonly readOnly?: boolean;
  /** How long it may take to notice a garbage collection of another process. Milliseconds. */
  readonly noticeMs?: number;
  /** Minimum age of links that a garbage collection may remove. Milliseconds. */
  readonly graceMs?: number;
}

/**
 * Registry content over a storage driver, in distribution's layout: each of the two serves what the other wrote.
 * Damaged content counts as absent.
 *
 * Callers check names; a name that would lead elsewhere is still a `RegistryError` or an `InvalidPathError`.
 * Every write can fail with a `StorageFullError`, and then readers see nothing of it.
 */
export interface ContentStore {
  readonly bytes: StoredBytes;
  readonly blobs: BlobStore;
  readonly manifests: ManifestStore;
  readonly tags: TagStore;
  readonly referrers: ReferrerStore;
  readonly repositories: RepositoryStore;
  readonly garbage: { createCollector(options: CollectorOptions): GarbageCollector };
}

export function createContentStore(options: ContentStoreOptions): ContentStore {
  const { driver, onDamage, ledger, readOnly = false, noticeMs, graceMs = GRACE_MS } = options;
  // Linking content and removing its bytes exclude each other: no link without bytes, no bytes removed under a new link.
  const locks = new DigestLocks<Digest>();
  const links = new LinkStore({ driver, onDamage });
  const replaceable = createReplaceableWriter(driver);
  const guard = new CollectionGuard({ driver, now: Date.now, ...(noticeMs !== undefined && { noticeMs }) });
  const linking = new Linking({ locks, links, guard, ledger, freshMs: graceMs * FRESH });
  const bytes = new StoredBytes({ driver, onDamage, locks });
  const blobLinks = new BlobLinks({ driver, links, onDamage });
  const files = new ManifestFiles({ driver, links, onDamage });
  const blobs = new BlobStore({ driver, bytes, links: blobLinks, linking, replaceable, readOnly });
  const tags = new TagStore({ driver, links, replaceable });
  const referrers = new ReferrerStore({ driver, links, manifests: files, readOnly });
  const pushing = new ManifestPush({ driver, linking, bytes, blobs, manifests: files, tags, referrers });
  const manifests = new ManifestStore({ files, tags, referrers, linking, pushing, replaceable });
  const repositories = new RepositoryStore({ driver, blobs: blobLinks, manifests: files, onDamage });
  const store = { bytes, blobs, manifests, repositories };
  const createCollector = (collector: CollectorOptions) =>
    new GarbageCollector({ ...collector, stores: { driver, links, manifests: files, tags }, store, guard });
  return { ...store, tags, referrers, garbage: { createCollector } };
}
