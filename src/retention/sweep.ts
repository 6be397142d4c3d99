import type { BlobStore } from '../content/blobs.ts';
import type { ManifestStore } from '../content/manifests.ts';
import type { RepositoryStore } from '../content/repositories.ts';
import type { StoredBytes } from '../content/stored-bytes.ts';
import type { Digest } from '../oci/digest.ts';
import { withRemovalClaim } from '../usage/removal-claim.ts';
import { mayBeLinked } from '../usage/may-be-linked.ts';
import type { UnrecordedNotes } from '../usage/unrecorded-queue.ts';
import type { ContentReference, RemovalClaim, UsageIndex, UsageRecord } from '../usage/usage-index.ts';
import type { UsageRecorder } from '../usage/usage-recorder.ts';

/** The part of our content store that can be swept. */
export interface SweptStore {
  readonly bytes: Pick<StoredBytes, 'locked' | 'size' | 'delete'>;
  readonly blobs: Pick<BlobStore, 'deleteLink'>;
  readonly manifests: Pick<ManifestStore, 'deleteLink'>;
  readonly repositories: Pick<RepositoryStore, 'isLinked' | 'walk' | 'removeEmpty'>;
}

export type RemovalReason = 'expired' | 'evicted';

export interface SweepEvents {
  /** @param event.bytes what that made free; 0 while another repository has them */
  contentRemoved(event: ContentReference & { readonly reason: RemovalReason; readonly bytes: number }): void;
}

/** @param tags that named it and are gone with it */
export type ForgottenListener = (repository: string, digest: Digest, tags: readonly string[]) => void;

export interface SweepOptions {
  readonly index: UsageIndex;
  readonly recorder: UsageRecorder;
  readonly store: SweptStore;
  readonly notes: Pick<UnrecordedNotes, 'has'>;
  /** A fill of the digest is under way. */
  readonly isFilling: (digest: Digest) => boolean;
  /** Whatever is in memory of the content is to be forgotten. */
  readonly onForgotten: ForgottenListener;
  readonly events: SweepEvents;
}

export interface Removal {
  /** False: it was used meanwhile, or something holds it. */
  readonly removed: boolean;
  /** Freed. */
  readonly bytes: number;
}

const KEPT: Removal = { removed: false, bytes: 0 };
const BATCH = 100;

/**
 * Removes references, and the bytes that nothing refers to any more. Everything that is ever deleted because of age or want of
 * room goes through here.
 *
 * Whether bytes are referred to is asked of storage right before they go, under the lock that everybody takes who links them:
 * a blob that one repository forgets stays whole for the others (distribution's issue #2367).
 */
export class Sweep {
  readonly #options: SweepOptions;

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  /** Unless the reference was used since the record was read. */
  async remove(record: UsageRecord, reason: RemovalReason): Promise<Removal> {
    const { index, recorder, store, events } = this.#options;
    const { repository, digest, kind } = record;
    const removal = await withRemovalClaim({ index, store }, digest, async (claim) => {
      const current = await index.find(record);
      const isUsed = current?.lastUsedAt !== record.lastUsedAt || recorder.isPending(repository, digest);
      if (isUsed || this.#options.isFilling(digest)) return KEPT;
      await this.#unlink(record, claim);
      // One that was used elsewhere just now stays, and is found to be gone when it is due.
      if (!(await index.removeUnused(record))) return KEPT;
      recorder.discard(repository, digest);
      const bytes = await this.#removeBytes(digest, claim);
      events.contentRemoved({ repository, digest, kind, reason, bytes });
      return { removed: true, bytes };
    });
    return removal ?? KEPT;
  }

  /** Bytes that were left behind: by a crash between a reference and its bytes, or because a fill held them. */
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
    // Before, so that nobody is told of what is being removed; and after, as somebody may have read it in between.
    onForgotten(repository, digest, []);
    let tags: readonly string[] = [];
    claim.assertHeld();
    if (kind === 'manifest') tags = await store.manifests.deleteLink(repository, digest);
    else await store.blobs.deleteLink(repository, digest);
    await store.repositories.removeEmpty(repository);
    onForgotten(repository, digest, tags);
  }

  /** @returns bytes freed */
  async #removeBytes(digest: Digest, claim: RemovalClaim): Promise<number> {
    const { index, store, isFilling } = this.#options;
    if (isFilling(digest) || (await this.#isReferred(digest))) return 0;
    const size = await store.bytes.size(digest);
    claim.assertHeld();
    await store.bytes.delete(digest);
    await index.bytesRemoved(digest);
    return size ?? 0;
  }

  async #isReferred(digest: Digest): Promise<boolean> {
    const { index, store, notes } = this.#options;
    const holders = (await index.holders(digest)).map((holder) => ({ ...holder, digest }));
    for (const holder of holders) {
      if (await mayBeLinked(store, holder.repository, holder)) return true;
    }
    await index.remove(holders);
    // Asked last: an index that was emptied meanwhile is not complete.
    const isComplete = (await index.marker('complete')) !== undefined;
    const isWhole = isComplete && (await index.isLossless());
    const isKnown = isWhole && !(index.isShared && (await notes.has(digest)));
    return !isKnown && this.#isReferredAnywhere(digest);
  }

  /** While the index does not know everything: a look into every repository. One that cannot be read may refer to anything. */
  async #isReferredAnywhere(digest: Digest): Promise<boolean> {
    const { index, store } = this.#options;
    let isAnyUnreadable = false;
    for await (const repository of store.repositories.walk(() => (isAnyUnreadable = true))) {
      for (const kind of ['blob', 'manifest'] as const) {
        if (!(await mayBeLinked(store, repository, { digest, kind }))) continue;
        const size = await store.bytes.size(digest);
        await index.record([{ repository, digest, kind, size, at: Date.now() }]);
        return true;
      }
    }
    return isAnyUnreadable;
  }
}
