import type { Clock } from '../clock/clock.ts';
import type { BlobStore } from '../content/blobs.ts';
import type { ManifestStore } from '../content/manifests.ts';
import type { RepositoryStore } from '../content/repositories.ts';
import type { StoredBytes } from '../content/stored-bytes.ts';
import type { Digest } from '../oci/digest.ts';
import { withRemovalClaim } from '../usage/removal-claim.ts';
import { mayBeLinked } from '../usage/may-be-linked.ts';
import type { UnrecordedNotes } from '../usage/unrecorded-queue.ts';
import type { ContentReference, Holder, RemovalClaim, UsageIndex, UsageRecord } from '../usage/usage-index.ts';
import type { UsageRecorder } from '../usage/usage-recorder.ts';

/** The part of a content store that a sweep removes from. */
export interface SweptStore {
  readonly bytes: Pick<StoredBytes, 'locked' | 'size' | 'delete'>;
  readonly blobs: Pick<BlobStore, 'deleteLink'>;
  readonly manifests: Pick<ManifestStore, 'deleteLink'>;
  readonly repositories: Pick<RepositoryStore, 'isLinked' | 'walk' | 'removeEmpty'>;
}

export type RemovalReason = 'expired' | 'evicted';

export interface SweepEvents {
  /** @param event.bytes freed; 0 while another repository has the content */
  contentRemoved(event: ContentReference & { readonly reason: RemovalReason; readonly bytes: number }): void;
}

/** @param tags that pointed to it and were removed with it @returns resolves when the content is not served from memory any more */
export type ForgottenListener = (repository: string, digest: Digest, tags: readonly string[]) => void | Promise<void>;

export interface SweepOptions {
  readonly index: UsageIndex;
  readonly recorder: UsageRecorder;
  readonly store: SweptStore;
  readonly notes: Pick<UnrecordedNotes, 'has'>;
  /** Whether a fill of the digest is in progress. */
  readonly isFilling: (digest: Digest) => boolean;
  /** Called so that copies in memory are removed too. */
  readonly onForgotten: ForgottenListener;
  readonly events: SweepEvents;
  readonly clock: Pick<Clock, 'now'>;
}

export interface Removal {
  /** False when it was used meanwhile, or is being filled. */
  readonly removed: boolean;
  /** Freed bytes. */
  readonly bytes: number;
}

const KEPT: Removal = { removed: false, bytes: 0 };
const BATCH = 100;
/** Repositories that are checked for a link before more are read. The first one usually has it. */
const HOLDERS = 16;

/**
 * Removes references, and bytes without references. All expiry and eviction goes through this class.
 *
 * Right before bytes are removed, storage is checked for references, under the lock that every link takes: a blob that expires in one
 * repository stays intact for the others (distribution's issue #2367).
 */
export class Sweep {
  readonly #options: SweepOptions;

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  /** Removes a reference, unless it was used since the record was read. */
  async remove(record: UsageRecord, reason: RemovalReason): Promise<Removal> {
    const { index, recorder, store, events } = this.#options;
    const { repository, digest, kind } = record;
    const removal = await withRemovalClaim({ index, store }, digest, async (claim) => {
      const current = await index.find(record);
      const isUsed = current?.lastUsedAt !== record.lastUsedAt || recorder.isPending(repository, digest);
      if (isUsed || this.#options.isFilling(digest)) return KEPT;
      await this.#unlink(record, claim);
      // When another process used it a moment ago, its record stays until it expires, and is removed then.
      if (!(await index.removeUnused(record))) return KEPT;
      recorder.discard(repository, digest);
      const bytes = await this.#removeBytes(digest, claim);
      events.contentRemoved({ repository, digest, kind, reason, bytes });
      return { removed: true, bytes };
    });
    return removal ?? KEPT;
  }

  /** Removes bytes without references, left by a crash or because they were being filled. @returns freed bytes */
  async sweepUnreferenced(): Promise<number> {
    const { index, store } = this.#options;
    let bytes = 0;
    let after: Digest | undefined;
    for (;;) {
      const digests = await index.unreferencedDigests({ ...(after && { after }), limit: BATCH });
      for (const digest of digests) {
        bytes += (await withRemovalClaim({ index, store }, digest, (claim) => this.#removeBytes(digest, claim))) ?? 0;
      }
      after = digests.at(-1);
      if (digests.length < BATCH) return bytes;
    }
  }

  async #unlink({ repository, digest, kind }: ContentReference, claim: RemovalClaim): Promise<void> {
    const { store, onForgotten } = this.#options;
    // Before, so that removed content is not served from memory; and after, because it may have been read in between.
    await onForgotten(repository, digest, []);
    let tags: readonly string[] = [];
    claim.assertHeld();
    if (kind === 'manifest') tags = await store.manifests.deleteLink(repository, digest);
    else await store.blobs.deleteLink(repository, digest);
    await store.repositories.removeEmpty(repository);
    await onForgotten(repository, digest, tags);
  }

  /** @returns freed bytes */
  async #removeBytes(digest: Digest, claim: RemovalClaim): Promise<number> {
    const { index, store, isFilling } = this.#options;
    if (isFilling(digest) || (await this.#isReferenced(digest))) return 0;
    const size = await store.bytes.size(digest);
    claim.assertHeld();
    await store.bytes.delete(digest);
    await index.bytesRemoved(digest);
    return size ?? 0;
  }

  async #isReferenced(digest: Digest): Promise<boolean> {
    const { index, store, notes } = this.#options;
    const unlinked: ContentReference[] = [];
    for (let after: Holder | undefined; ; ) {
      const holders = await index.holders(digest, { after, limit: HOLDERS });
      for (const holder of holders) {
        const reference = { ...holder, digest };
        if (await mayBeLinked(store, holder.repository, reference)) return true;
        unlinked.push(reference);
      }
      after = holders.at(-1);
      if (holders.length < HOLDERS) break;
    }
    await index.remove(unlinked);
    // Checked last: an index that was emptied meanwhile is not complete.
    const isComplete = (await index.marker('complete')) !== undefined;
    const isWhole = isComplete && (await index.isLossless());
    const isKnown = isWhole && !(index.isShared && (await notes.has(digest)));
    return !isKnown && this.#isReferencedAnywhere(digest);
  }

  /** Searches every repository, while the index is not complete. An unreadable repository may refer to anything. */
  async #isReferencedAnywhere(digest: Digest): Promise<boolean> {
    const { index, store, clock } = this.#options;
    let isAnyUnreadable = false;
    for await (const repository of store.repositories.walk(() => (isAnyUnreadable = true))) {
      for (const kind of ['blob', 'manifest'] as const) {
        if (!(await mayBeLinked(store, repository, { digest, kind }))) continue;
        const size = await store.bytes.size(digest);
        await index.record([{ repository, digest, kind, size, at: clock.now() }]);
        return true;
      }
    }
    return isAnyUnreadable;
  }
}
