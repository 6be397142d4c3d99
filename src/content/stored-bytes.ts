import { createHash } from 'node:crypto';

import { type Digest, digestAlgorithm, digestFromHash, digestOf } from '../oci/digest.ts';
import type { Adoption, StorageDriver, WriteBatch } from '../storage/driver.ts';
import type { StagedFile } from '../storage/staging.ts';
import type { ByteSource } from '../stream/byte-source.ts';
import type { DamageListener } from './damage.ts';
import type { DigestLocks } from './digest-locks.ts';
import { type StoredDigest, walkBytes, type WalkOptions } from './inventory.ts';
import { orUndefined } from './links.ts';
import { blobDataPath, blobDirectory, quarantinePath } from './paths.ts';

export interface StoredBytesOptions {
  readonly driver: StorageDriver;
  readonly onDamage: DamageListener;
  readonly locks: DigestLocks<Digest>;
}

/** Bytes by digest, stored once for all repositories. Which repository may serve them is decided by links. */
export class StoredBytes {
  readonly #options: StoredBytesOptions;

  constructor(options: StoredBytesOptions) {
    this.#options = options;
  }

  /** Whether usable bytes are stored. */
  async has(digest: Digest): Promise<boolean> {
    const size = await this.size(digest);
    return size !== undefined && this.#isWhole(digest, size);
  }

  /** Stored bytes, usable or not. Undefined when there are none. */
  async size(digest: Digest): Promise<number | undefined> {
    const info = await orUndefined(this.#options.driver.stat(blobDataPath(digest)));
    return info?.isDirectory ? undefined : info?.size;
  }

  /** As {@link size}, for a digest that a repository links: damaged or missing bytes are reported and count as absent. */
  async linkedSize(digest: Digest): Promise<number | undefined> {
    const size = await this.size(digest);
    return this.#isWhole(digest, size) ? size : undefined;
  }

  /** The caller knows that the reader may have the bytes, and closes the source. */
  async open(digest: Digest): Promise<ByteSource | undefined> {
    const source = await this.#open(digest);
    if (!source || this.#isWhole(digest, source.size)) return source;
    await source.close();
    return undefined;
  }

  /** As {@link open}, for a digest that a repository links: damaged or missing bytes are reported and count as absent. */
  async openLinked(digest: Digest): Promise<ByteSource | undefined> {
    const source = await this.#open(digest);
    if (this.#isWhole(digest, source?.size)) return source;
    await source?.close();
    return undefined;
  }

  /** Starts to store a local file that is still growing. Absent when that saves no time. Readers see nothing before {@link adopt}. */
  startCommit(digest: Digest, localFile: string, options: { readonly size: number }): Adoption | undefined {
    return this.#options.driver.startAdoption?.(localFile, blobDataPath(digest), options);
  }

  /**
   * Takes over a local file with content of an upstream, whose bytes the caller has verified. Replaces bytes that were stored before.
   *
   * @param started the result of {@link startCommit}
   * @throws {StorageFullError} and then the local file is still there
   */
  async adopt(digest: Digest, localFile: string, started?: Adoption): Promise<void> {
    const adopt = () => this.#options.driver.adopt(localFile, blobDataPath(digest), { replaceable: true });
    if (started) await started.finish().catch(adopt);
    else await adopt();
  }

  /** Takes over a staged file whose bytes the caller has verified. Replaces bytes that were stored before. */
  async publish(digest: Digest, staged: StagedFile, batch: WriteBatch): Promise<void> {
    await batch.publish(staged, blobDataPath(digest));
  }

  /** Stored bytes, which may be those of an upstream, become durable with the batch. */
  relyOn(digest: Digest, batch: WriteBatch): void {
    batch.relyOn(blobDataPath(digest));
  }

  /**
   * For bytes of another repository, which may have been pushed without waiting for the disk, before an upstream's repository links them.
   * Damaged ones go to quarantine. Call under {@link locked}.
   */
  async secure(digest: Digest): Promise<void> {
    const { driver, onDamage } = this.#options;
    const path = blobDataPath(digest);
    if (!(await driver.secure?.(path)) || (await this.#matches(digest))) return;
    onDamage({ path, reason: 'wrong-bytes' });
    await this.quarantine(digest);
  }

  /** Call under {@link locked}, when no repository links the digest. */
  async delete(digest: Digest): Promise<void> {
    await this.#options.driver.delete(blobDirectory(digest));
  }

  /**
   * Moves damaged bytes out of the layout. Call under {@link locked}. Links stay, and count as absent until the bytes are stored again.
   *
   * @returns the new path
   * @throws {PathNotFoundError}
   */
  async quarantine(digest: Digest): Promise<string> {
    const path = quarantinePath(digest);
    await this.#options.driver.move(blobDataPath(digest), path);
    return path;
  }

  walk(options: WalkOptions): AsyncGenerator<StoredDigest> {
    return walkBytes(this.#options.driver, options);
  }

  /**
   * Within this process nothing else links the digest or removes its bytes while `work` runs.
   * `work` may only call what does not take the lock of the digest.
   */
  locked<T>(digest: Digest, work: () => Promise<T>): Promise<T> {
    return this.#options.locks.run(digest, work);
  }

  #open(digest: Digest): Promise<ByteSource | undefined> {
    return orUndefined(this.#options.driver.open(blobDataPath(digest)));
  }

  async #matches(digest: Digest): Promise<boolean> {
    const source = await this.#open(digest);
    if (!source) return true;
    try {
      const hash = createHash(digestAlgorithm(digest));
      for await (const chunk of source.read({ start: 0, end: source.size })) hash.update(chunk);
      return digestFromHash(hash, digestAlgorithm(digest)) === digest;
    } finally {
      await source.close();
    }
  }

  /** After a power cut a file can be empty, when its writer did not sync it. */
  #isWhole(digest: Digest, size: number | undefined): boolean {
    if (size !== undefined && (size > 0 || digest === digestOf(Buffer.alloc(0), digestAlgorithm(digest)))) return true;
    this.#options.onDamage({ path: blobDataPath(digest), reason: size === 0 ? 'empty-data' : 'missing-data' });
    return false;
  }
}
