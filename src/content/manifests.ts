import type { Digest } from '../oci/digest.ts';
import { type ManifestReading, readManifest } from '../oci/manifest.ts';
import type { Reference } from '../oci/reference.ts';
import type { ContentWriter } from './content-writer.ts';
import type { Linking } from './linking.ts';
import type { ManifestFiles, ReadManifest, StoredManifest } from './manifest-files.ts';
import type { ManifestPush, PushedContent } from './manifest-push.ts';
import type { ReferrerStore } from './referrers.ts';
import type { TagStore } from './tags.ts';

export interface PutManifestOptions {
  /** @default the media type in the bytes */
  readonly servedAs?: string | undefined;
  /** The parsed bytes, when the caller has them already. */
  readonly reading?: ManifestReading | undefined;
}

export interface ManifestStoreOptions {
  readonly files: ManifestFiles;
  readonly tags: TagStore;
  readonly referrers: ReferrerStore;
  readonly linking: Linking;
  readonly pushing: ManifestPush;
  /** For content of upstreams. */
  readonly replaceable: ContentWriter;
}

/** The manifests of repositories. */
export class ManifestStore {
  readonly #options: ManifestStoreOptions;

  constructor(options: ManifestStoreOptions) {
    this.#options = options;
  }

  /** Verified. Undefined when the repository does not have it. */
  async find(repository: string, digest: Digest): Promise<StoredManifest | undefined> {
    return (await this.read(repository, digest))?.stored;
  }

  /** As {@link find}, parsed. */
  read(repository: string, digest: Digest): Promise<ReadManifest | undefined> {
    return this.#options.files.read(repository, digest);
  }

  /** Whether a manifest or tag exists and cannot be read. Call when {@link find} or {@link TagStore.find} returned nothing. */
  async isDamaged(repository: string, reference: Reference): Promise<boolean> {
    const { tags } = this.#options;
    if (reference.kind === 'digest') return this.#isDamaged(repository, reference.digest);
    const found = await tags.find(repository, reference.tag);
    return found ? this.#isDamaged(repository, found.digest) : tags.isThere(repository, reference.tag);
  }

  async #isDamaged(repository: string, digest: Digest): Promise<boolean> {
    const { files } = this.#options;
    const isThere = () => files.isThere(repository, digest);
    // Checked again at the end: it may be deleted or pushed meanwhile.
    return (await isThere()) && (await files.read(repository, digest)) === undefined && (await isThere());
  }

  /**
   * Stores a manifest of an upstream.
   *
   * @throws {RegistryError} `MANIFEST_INVALID`, or `DIGEST_INVALID` when the bytes do not match the digest
   * @throws {StorageFullError}
   */
  async put(
    repository: string,
    digest: Digest,
    bytes: Uint8Array,
    { servedAs, reading = readManifest(bytes) }: PutManifestOptions = {},
  ): Promise<void> {
    const { files, referrers, linking, replaceable } = this.#options;
    await linking.locks.run(digest, async () => {
      const { references, subject, mediaType } = reading.manifest;
      const parts = references.map((reference) => reference.digest);
      await linking.recorded({ repository, digest, kind: 'manifest', size: bytes.length, parts }, async () => {
        // Durable before the manifest, which is not listed without it.
        if (subject) await referrers.add(repository, subject.digest, digest);
        const manifest = { digest, bytes, servedAs: servedAs === mediaType ? undefined : servedAs };
        await files.put(repository, manifest, { writer: replaceable });
        linking.protect(digest);
      });
    });
  }

  /**
   * Stores a manifest that a client pushes, with its tags: all of it, or nothing when the repository lacks something that it needs.
   *
   * @returns the missing digests, or the first of them
   * @throws {RegistryError} `UNAVAILABLE` when another process is collecting something that it needs
   */
  push(repository: string, pushed: PushedContent): Promise<readonly Digest[]> {
    return this.#options.pushing.put(repository, pushed);
  }

  /** For a client that deletes the manifest. The bytes stay. @returns the tags deleted with it; undefined when there was no such manifest */
  delete(repository: string, digest: Digest): Promise<readonly string[] | undefined> {
    const { files, linking } = this.#options;
    return linking.locks.run(digest, async () => {
      if (!(await files.isThere(repository, digest))) return undefined;
      return linking.unrecorded({ repository, digest, kind: 'manifest' }, () => this.deleteLink(repository, digest));
    });
  }

  /** Call under the lock of the digest. The bytes stay. @returns the tags deleted with it */
  async deleteLink(repository: string, digest: Digest): Promise<string[]> {
    const { files, tags, referrers } = this.#options;
    // Tags first: a tag without its manifest is of no use.
    const removed = await tags.forget(repository, digest);
    const subject = (await files.findParts(repository, digest))?.subject;
    await files.deleteLink(repository, digest);
    if (subject) await referrers.remove(repository, subject.digest, digest);
    return removed;
  }
}
