import pLimit from 'p-limit';

import type { Digest } from '../oci/digest.ts';
import { type ParsedManifest, parseManifest } from '../oci/manifest.ts';
import type { StorageDriver, WriteBatch } from '../storage/driver.ts';
import { inBatch } from '../storage/write-batch.ts';
import type { BlobStore } from './blobs.ts';
import type { StoredLink } from './inventory.ts';
import type { Linking } from './linking.ts';
import type { ManifestFiles } from './manifest-files.ts';
import type { ReferrerStore } from './referrers.ts';
import type { StoredBytes } from './stored-bytes.ts';
import type { TagStore } from './tags.ts';

/** Content that the repository must have before a manifest is accepted. */
export interface Need {
  readonly digest: Digest;
  /** Any of these is enough. */
  readonly kinds: readonly StoredLink['kind'][];
}

export interface PushedContent {
  readonly digest: Digest;
  /** A manifest, and they match the digest. */
  readonly bytes: Uint8Array;
  readonly tags: readonly string[];
  readonly needs: readonly Need[];
  /** The parsed bytes, when the caller has them already. */
  readonly parsed?: ParsedManifest;
}

interface ManifestWrite {
  /** When the write began, Unix milliseconds. */
  readonly since: number;
  readonly parts: readonly Digest[];
  readonly subject: Digest | undefined;
  readonly batch: WriteBatch;
}

export interface ManifestPushOptions {
  readonly driver: StorageDriver;
  readonly linking: Linking;
  readonly bytes: StoredBytes;
  readonly blobs: BlobStore;
  readonly manifests: ManifestFiles;
  readonly tags: TagStore;
  readonly referrers: ReferrerStore;
}

const MAX_CONCURRENT_LOOKS = 16;
/** Digests that are looked up before it is checked whether enough is missing. */
const BATCH = 128;
/** A response names no more missing digests than this. */
const MAX_MISSING = 128;
/** Tags that are written at the same time. */
const MAX_PREPARED = 16;

/**
 * Manifests that clients push, with their tags.
 *
 * Everything that a manifest refers to is locked from before it is looked up until the manifest is linked. Content is removed under its lock, so
 * either before the look-up, and the push is refused; or after the push, and the removal finds that the content is referenced.
 */
export class ManifestPush {
  readonly #options: ManifestPushOptions;

  constructor(options: ManifestPushOptions) {
    this.#options = options;
  }

  /** Stores all of it, or nothing. @returns the missing digests, or the first of them */
  put(repository: string, pushed: PushedContent): Promise<readonly Digest[]> {
    const { references, subject } = pushed.parsed ?? parseManifest(pushed.bytes);
    const parts = references.map((reference) => reference.digest);
    return this.#options.linking.locks.runSharing({ exclusive: [pushed.digest], shared: parts }, async () => {
      const since = Date.now();
      const missing = await this.#findMissing(repository, pushed.needs);
      const link = { repository, digest: pushed.digest, kind: 'manifest' as const, size: pushed.bytes.length, parts };
      if (missing.length > 0) return missing;
      await this.#options.linking.recorded(link, () =>
        inBatch(this.#options.driver, (batch) =>
          this.#write(repository, pushed, { parts, subject: subject?.digest, since, batch }),
        ),
      );
      return missing;
    });
  }

  /** In an order in which a crash leaves no link without its target. */
  async #write(
    repository: string,
    { digest, bytes, tags, needs }: PushedContent,
    { parts, subject, since, batch }: ManifestWrite,
  ): Promise<void> {
    const { manifests, referrers, linking, tags: tagStore } = this.#options;
    const wasThere = await manifests.has(repository, digest);
    if (!wasThere) manifests.prepare(repository, { digest, bytes }, batch);
    for (const tag of tags.slice(0, MAX_PREPARED)) tagStore.prepare(repository, tag, digest, batch);
    await this.#settleParts(repository, parts, batch);
    if (subject) await referrers.add(repository, subject, digest, batch);
    await manifests.put(repository, { digest, bytes }, { writer: batch, renewed: true });
    const linkedAt = await manifests.linkedAt(repository, digest);
    const isThere = async () =>
      (await this.#isThere(repository, { digest, kinds: ['manifest'] })) &&
      (await this.#findMissing(repository, needs)).length === 0;
    try {
      await linking.confirm(repository, [digest, ...parts], { since, isThere });
    } catch (err) {
      // Another process that relies on the manifest has written the link again.
      const isOurs = !wasThere && (await manifests.linkedAt(repository, digest)) === linkedAt;
      if (isOurs) await manifests.deleteLink(repository, digest);
      throw err;
    }
    for (const tag of tags) await tagStore.put(repository, tag, digest, batch);
  }

  /**
   * Parts are visible before they are durable, and stay so when a push was not acknowledged. A client that saw them does not push them
   * again, nor does one that sees the manifest.
   */
  async #settleParts(repository: string, parts: readonly Digest[], batch: WriteBatch): Promise<void> {
    const { blobs, manifests } = this.#options;
    for (const part of parts) manifests.relyOn(repository, part, batch);
    await pLimit(MAX_CONCURRENT_LOOKS).map(parts, (part) => blobs.relyOn(repository, part, batch));
    await batch.settle();
  }

  async #findMissing(repository: string, needs: readonly Need[]): Promise<Digest[]> {
    const missing: Digest[] = [];
    const limit = pLimit(MAX_CONCURRENT_LOOKS);
    for (let at = 0; at < needs.length && missing.length < MAX_MISSING; at += BATCH) {
      const batch = needs.slice(at, at + BATCH);
      const isThere = await limit.map(batch, (need) => this.#isThere(repository, need));
      missing.push(...batch.filter((_, i) => !isThere[i]).map(({ digest }) => digest));
    }
    return missing;
  }

  async #isThere(repository: string, { digest, kinds }: Need): Promise<boolean> {
    const { bytes, blobs, manifests } = this.#options;
    if (kinds.includes('manifest') && (await manifests.has(repository, digest))) return bytes.has(digest);
    return kinds.includes('blob') && (await blobs.stat(repository, digest)) !== undefined;
  }
}
