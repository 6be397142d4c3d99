import { stat } from 'node:fs/promises';

import { type Digest, digestAlgorithm } from '../oci/digest.ts';
import { readManifest } from '../oci/manifest.ts';
import { type Adoption, StorageFullError, StorageReadOnlyError } from '../storage/driver.ts';
import type { StagedFile } from '../storage/staging.ts';
import type { BlobStore } from './blobs.ts';
import type { DigestLocks } from './digest-locks.ts';
import type { CollectionGuard } from './garbage/collection-guard.ts';
import type { LinkLedger, NewLink } from './link-ledger.ts';
import type { LinkStore } from './links.ts';
import type { ManifestStore, PutManifestOptions } from './manifests.ts';
import { layerLinkPath } from './paths.ts';
import type { ReferrerStore } from './referrers.ts';

export interface LinkingOptions {
  readonly locks: DigestLocks<Digest>;
  readonly blobs: BlobStore;
  readonly manifests: ManifestStore;
  readonly referrers: ReferrerStore;
  readonly links: LinkStore;
  readonly guard: CollectionGuard;
  /** Undefined: nobody keeps a record. */
  readonly ledger: LinkLedger | undefined;
  /** Nothing is written because somebody reads. */
  readonly readOnly: boolean;
  /** A link younger than this shows well enough that somebody relies on it. Milliseconds. */
  readonly freshMs: number;
}

/**
 * Makes content part of repositories, as `ContentStore` says of each: under the lock of its digest, told to the ledger, and to a
 * collection of garbage that may be under way. What is cached can be fetched again, so only those of this process are told of it; what
 * somebody pushes is {@link Linking.confirm confirmed} with those of others too.
 */
export class Linking {
  readonly #options: LinkingOptions;

  constructor(options: LinkingOptions) {
    this.#options = options;
  }

  /** The caller knows that the bytes are stored; if they are gone since, nothing is linked. */
  linkBlob(repository: string, digest: Digest): Promise<void> {
    const { locks, blobs, guard } = this.#options;
    return locks.run(digest, async () => {
      const size = await blobs.storedSize(digest);
      if (size === undefined) return;
      await this.#recorded({ repository, digest, kind: 'blob', size }, async () => {
        if (!(await blobs.hasBytes(digest))) return;
        await blobs.link(repository, digest);
        guard.rely([digest]);
      });
    });
  }

  commitBlob(repository: string, digest: Digest, localFile: string, started?: Adoption): Promise<void> {
    const { locks, blobs, guard } = this.#options;
    return locks.run(digest, async () => {
      const { size } = await stat(localFile);
      await this.#recorded({ repository, digest, kind: 'blob', size }, async () => {
        await blobs.commit(repository, digest, localFile, started);
        guard.rely([digest]);
      });
    });
  }

  commitUpload(repository: string, digest: Digest, staged: StagedFile): Promise<void> {
    const { locks, blobs } = this.#options;
    return locks.run(digest, async () => {
      // Before as well, while the session is there for another try.
      await this.confirm(repository, [digest]);
      await this.#recorded({ repository, digest, kind: 'blob', size: staged.size }, () =>
        this.#linkConfirmed(repository, digest, () => blobs.publish(repository, digest, staged)),
      );
    });
  }

  mountBlob(repository: string, digest: Digest, from: string): Promise<number | undefined> {
    const { locks, blobs } = this.#options;
    return locks.run(digest, async () => {
      const size = await blobs.stat(from, digest);
      if (size === undefined) return undefined;
      return this.#recorded({ repository, digest, kind: 'blob', size }, async () => {
        if (!(await blobs.hasBytes(digest))) return undefined;
        await this.#linkConfirmed(repository, digest, () => blobs.link(repository, digest));
        return size;
      });
    });
  }

  putManifest(
    repository: string,
    digest: Digest,
    bytes: Uint8Array,
    { servedAs, reading = readManifest(bytes) }: PutManifestOptions = {},
  ): Promise<void> {
    const { locks, manifests, referrers, guard } = this.#options;
    return locks.run(digest, async () => {
      const { references, subject, mediaType } = reading.manifest;
      const parts = references.map((reference) => reference.digest);
      await this.#recorded({ repository, digest, kind: 'manifest', size: bytes.length, parts }, async () => {
        if (subject) await referrers.add(repository, subject.digest, digest);
        await manifests.put(repository, digest, bytes, servedAs === mediaType ? undefined : servedAs);
        guard.rely([digest]);
      });
    });
  }

  relyOnBlob(repository: string, digest: Digest): Promise<number | undefined> {
    const { locks, blobs, readOnly } = this.#options;
    if (readOnly) return blobs.stat(repository, digest);
    return locks.run(digest, async () => {
      const size = await blobs.stat(repository, digest);
      if (size === undefined) return undefined;
      // On a full or read-only disk the response is as true as before.
      await blobs.refreshLink(repository, digest, this.#freshSince()).catch(unlessFull);
      await this.confirm(repository, [digest]);
      return size;
    });
  }

  /**
   * Whoever pushes calls this when links are made, still under the locks of all digests that these rely on: those linked, and for a
   * manifest everything it names. Without it a collection of garbage that is under way may take them for garbage.
   *
   * @throws {RegistryError} `UNAVAILABLE` when another process is collecting one of them: links that were not there before are to be
   *   taken back; on the others somebody else may rely
   */
  async confirm(repository: string, digests: readonly Digest[]): Promise<void> {
    const { links, guard } = this.#options;
    const aliases = digests.filter((digest) => digestAlgorithm(digest) !== 'sha256');
    const targets = await Promise.all(aliases.map((digest) => links.find(layerLinkPath(repository, digest))));
    await guard.confirm([...digests, ...targets.filter((target) => target !== undefined)]);
  }

  async #linkConfirmed(repository: string, digest: Digest, link: () => Promise<void>): Promise<void> {
    const { blobs } = this.#options;
    const wasLinked = await blobs.isLinked(repository, digest);
    await link();
    if (wasLinked) await blobs.refreshLink(repository, digest, this.#freshSince());
    try {
      await this.confirm(repository, [digest]);
    } catch (err) {
      if (!wasLinked) await blobs.deleteLink(repository, digest);
      throw err;
    }
  }

  /** Unix milliseconds. */
  #freshSince(): number {
    return Date.now() - this.#options.freshMs;
  }

  async #recorded<T>(link: NewLink, make: () => Promise<T>): Promise<T> {
    const linked = await this.#options.ledger?.willLink(link);
    try {
      return await make();
    } finally {
      linked?.();
    }
  }
}

function unlessFull(err: unknown): void {
  if (!(err instanceof StorageFullError || err instanceof StorageReadOnlyError)) throw err;
}
