import { stat } from 'node:fs/promises';

import type { Digest } from '../oci/digest.ts';
import {
  type Adoption,
  type RedirectRequest,
  type StorageDriver,
  StorageFullError,
  StorageReadOnlyError,
  type WriteBatch,
} from '../storage/driver.ts';
import type { StagedFile } from '../storage/staging.ts';
import { inBatch } from '../storage/write-batch.ts';
import type { ByteSource } from '../stream/byte-source.ts';
import type { BlobLinks } from './blob-links.ts';
import type { ContentWriter } from './content-writer.ts';
import type { Linking } from './linking.ts';
import { blobDataPath } from './paths.ts';
import type { StoredBytes } from './stored-bytes.ts';

export interface BlobStoreOptions {
  readonly driver: StorageDriver;
  readonly bytes: StoredBytes;
  readonly links: BlobLinks;
  readonly linking: Linking;
  /** For content of upstreams. */
  readonly replaceable: ContentWriter;
  /** Reading writes nothing. */
  readonly readOnly: boolean;
}

/** The blobs of repositories: bytes stored once for all repositories, and a link in each repository that has them. */
export class BlobStore {
  readonly #options: BlobStoreOptions;

  constructor(options: BlobStoreOptions) {
    this.#options = options;
  }

  /** The caller closes the source. Undefined when the repository does not have the blob. */
  async open(repository: string, digest: Digest): Promise<ByteSource | undefined> {
    const target = await this.#options.links.findTarget(repository, digest);
    return target && this.#options.bytes.openLinked(target);
  }

  /** Size in bytes. Undefined when the repository does not have the blob. */
  async stat(repository: string, digest: Digest): Promise<number | undefined> {
    const target = await this.#options.links.findTarget(repository, digest);
    return target && this.#options.bytes.linkedSize(target);
  }

  /** The local file that has the bytes of a blob without an algorithm alias, if a repository has them. Absent without a local storage. Does no I/O. */
  localFile(digest: Digest): string | undefined {
    return this.#options.driver.localFile?.(blobDataPath(digest));
  }

  /** Where a client can fetch the blob directly. Undefined when the repository does not have it, or it must be served from here. */
  async redirect(
    repository: string,
    digest: Digest,
    request: RedirectRequest,
  ): Promise<{ readonly url: string; readonly size: number } | undefined> {
    const { driver, bytes, links } = this.#options;
    const target = await links.findTarget(repository, digest);
    const size = target && (await bytes.linkedSize(target));
    if (!target || size === undefined) return undefined;
    const url = await driver.redirectUrl(blobDataPath(target), request);
    return url === undefined ? undefined : { url, size };
  }

  /** Makes stored bytes part of a repository of an upstream. Links nothing when the bytes are gone. */
  link(repository: string, digest: Digest): Promise<void> {
    const { bytes, links, linking, replaceable } = this.#options;
    return linking.locks.run(digest, async () => {
      const size = await bytes.size(digest);
      if (size === undefined) return;
      await linking.recorded({ repository, digest, kind: 'blob', size }, async () => {
        await bytes.secure(digest);
        if (!(await bytes.has(digest))) return;
        await links.put(repository, digest, replaceable);
        linking.protect(digest);
      });
    });
  }

  /**
   * Takes over a local file with a blob of an upstream, whose bytes the caller has verified.
   *
   * @param started the result of {@link StoredBytes.startCommit}
   * @throws {StorageFullError} and then the local file is still there
   */
  commit(repository: string, digest: Digest, localFile: string, started?: Adoption): Promise<void> {
    const { bytes, links, linking, replaceable } = this.#options;
    return linking.locks.run(digest, async () => {
      const { size } = await stat(localFile);
      await linking.recorded({ repository, digest, kind: 'blob', size }, async () => {
        // Bytes before link: an existing link can be relied on.
        await bytes.adopt(digest, localFile, started);
        await links.put(repository, digest, replaceable);
        linking.protect(digest);
      });
    });
  }

  /**
   * Makes a staged file, whose bytes the caller has verified, a blob of the repository. The caller holds the staged file and releases it.
   *
   * @throws {RegistryError} `UNAVAILABLE` when another process is collecting the digest as garbage
   */
  publish(repository: string, digest: Digest, staged: StagedFile): Promise<void> {
    const { driver, bytes, linking } = this.#options;
    return linking.locks.run(digest, async () => {
      const since = Date.now();
      // Also before publishing, while the session can still be retried.
      await linking.confirm(repository, [digest], { since, isThere: async () => true });
      await linking.recorded({ repository, digest, kind: 'blob', size: staged.size }, () =>
        inBatch(driver, (batch) =>
          this.#linkConfirmed(repository, digest, { since, batch, store: () => bytes.publish(digest, staged, batch) }),
        ),
      );
    });
  }

  /**
   * Makes a blob of another repository part of this one.
   *
   * @returns its size in bytes; undefined when `from` does not have it any more
   * @throws {RegistryError} `UNAVAILABLE` when another process is collecting the digest as garbage
   */
  mount(repository: string, digest: Digest, from: string): Promise<number | undefined> {
    const { driver, bytes, linking } = this.#options;
    return linking.locks.run(digest, async () => {
      const since = Date.now();
      const size = await this.stat(from, digest);
      if (size === undefined) return undefined;
      return linking.recorded({ repository, digest, kind: 'blob', size }, async () => {
        if (!(await bytes.has(digest))) return undefined;
        await inBatch(driver, async (batch) => {
          const store = async () => bytes.relyOn(digest, batch);
          await this.#linkConfirmed(repository, digest, { since, batch, store });
        });
        return size;
      });
    });
  }

  /**
   * For a client that learns that the repository has the blob, and so will not send it.
   * Writes an old link again, so that every process sees that the blob is in use.
   *
   * @returns its size in bytes; undefined when the repository does not have it
   */
  protect(repository: string, digest: Digest): Promise<number | undefined> {
    const { driver, links, linking, readOnly } = this.#options;
    if (readOnly) return this.stat(repository, digest);
    return linking.locks.run(digest, async () => {
      const since = Date.now();
      const size = await this.stat(repository, digest);
      if (size === undefined) return undefined;
      // On a full or read-only disk the response is still true.
      const time = linking.freshSince();
      await inBatch(driver, (writer) => links.refresh(repository, digest, { time, writer })).catch(unlessFull);
      await linking.confirm(repository, [digest], { since, isThere: () => this.#isThere(repository, digest) });
      return size;
    });
  }

  /** What there is of the blob becomes durable with the batch. Call under the lock of the digest. */
  relyOn(repository: string, digest: Digest, batch: WriteBatch): Promise<void> {
    return this.#options.links.relyOn(repository, digest, batch);
  }

  /** How long {@link protect} lasts. Milliseconds; at least 1. */
  get protectedMs(): number {
    return Math.max(1, Math.floor(this.#options.linking.freshMs));
  }

  /** For a client that deletes the blob. The bytes stay. @returns whether the repository had it */
  delete(repository: string, digest: Digest): Promise<boolean> {
    const { links, linking } = this.#options;
    return linking.locks.run(digest, async () => {
      if (!(await links.has(repository, digest))) return false;
      await linking.unrecorded({ repository, digest, kind: 'blob' }, () => links.delete(repository, digest));
      return true;
    });
  }

  /** Call under the lock of the digest. The bytes stay, for other repositories. */
  deleteLink(repository: string, digest: Digest): Promise<void> {
    return this.#options.links.delete(repository, digest);
  }

  async #isThere(repository: string, digest: Digest): Promise<boolean> {
    return (await this.stat(repository, digest)) !== undefined;
  }

  /** Bytes before link: an existing link can be relied on. */
  async #linkConfirmed(
    repository: string,
    digest: Digest,
    {
      since,
      batch,
      store,
    }: { readonly since: number; readonly batch: WriteBatch; readonly store: () => Promise<void> },
  ): Promise<void> {
    const { links, linking } = this.#options;
    const wasLinked = await links.has(repository, digest);
    if (!wasLinked) links.prepare(repository, digest, batch);
    await store();
    await links.put(repository, digest, batch);
    if (wasLinked) await links.refresh(repository, digest, { time: linking.freshSince(), writer: batch });
    // When that fails, the link stays: another process may rely on it already. Without its bytes it is not content.
    await linking.confirm(repository, [digest], { since, isThere: () => this.#isThere(repository, digest) });
  }
}

function unlessFull(err: unknown): void {
  if (!(err instanceof StorageFullError || err instanceof StorageReadOnlyError)) throw err;
}
