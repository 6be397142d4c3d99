import { type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { parseManifest } from '../oci/manifest.ts';
import { FileTooLargeError, type StorageDriver } from '../storage/driver.ts';
import type { Damage, DamageListener } from './damage.ts';
import { type LinkStore, orUndefined } from './links.ts';
import { blobDataPath, revisionDirectory, revisionLinkPath } from './paths.ts';

/** Those that were taken under other limits are served on. Bytes. */
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;

export interface StoredManifest {
  /** Exactly what was put. */
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly digest: Digest;
}

export interface ManifestStoreOptions {
  readonly driver: StorageDriver;
  readonly links: LinkStore;
  readonly onDamage: DamageListener;
}

/** Manifests: bytes kept as those of blobs are, and a link in each repository that has them. */
export class ManifestStore {
  readonly #options: ManifestStoreOptions;

  constructor(options: ManifestStoreOptions) {
    this.#options = options;
  }

  /** Undefined when the repository does not have it, or its bytes are not those of its digest any more. */
  async find(repository: string, digest: Digest): Promise<StoredManifest | undefined> {
    if (!(await this.has(repository, digest))) return undefined;
    const bytes = await this.#findBytes(digest);
    if (!bytes) return this.#damaged(digest, 'missing-data');
    if (!isOf(digest, bytes)) return this.#damaged(digest, bytes.length === 0 ? 'empty-data' : 'wrong-bytes');
    const mediaType = mediaTypeOf(bytes);
    return mediaType === undefined ? this.#damaged(digest, 'not-a-manifest') : { bytes, mediaType, digest };
  }

  /** Whether the repository links it; says nothing of its bytes. */
  async has(repository: string, digest: Digest): Promise<boolean> {
    const path = revisionLinkPath(repository, digest);
    const target = await this.#options.links.find(path);
    if (target !== undefined && target !== digest) this.#options.onDamage({ path, reason: 'bad-link' });
    return target === digest;
  }

  /**
   * @throws {RegistryError} `MANIFEST_INVALID`, or `DIGEST_INVALID` when the bytes are not those of the digest
   * @throws {StorageFullError}
   */
  async put(repository: string, digest: Digest, bytes: Uint8Array): Promise<void> {
    parseManifest(bytes);
    if (!isOf(digest, bytes)) throw new RegistryError('DIGEST_INVALID', `these are not the bytes of ${digest}`);
    const stored = await this.#findBytes(digest);
    if (!stored?.equals(bytes)) await this.#options.driver.writeSmall(blobDataPath(digest), bytes);
    await this.#options.links.putIfChanged(revisionLinkPath(repository, digest), digest);
  }

  /** What the manifest is attached to, if it is and can be read. */
  async findSubject(repository: string, digest: Digest): Promise<Digest | undefined> {
    const found = await this.find(repository, digest);
    return found && parseManifest(found.bytes).subject?.digest;
  }

  /** Makes a link anew that is there: somebody has come to rely on it. */
  async refreshLink(repository: string, digest: Digest): Promise<void> {
    await this.#options.links.put(revisionLinkPath(repository, digest), digest);
  }

  /** The bytes stay, and so do tags. */
  async deleteLink(repository: string, digest: Digest): Promise<void> {
    await this.#options.driver.delete(revisionDirectory(repository, digest));
  }

  async #findBytes(digest: Digest): Promise<Buffer | undefined> {
    try {
      return await orUndefined(this.#options.driver.readSmall(blobDataPath(digest), MAX_MANIFEST_BYTES));
    } catch (err) {
      if (err instanceof FileTooLargeError) return undefined;
      throw err;
    }
  }

  #damaged(digest: Digest, reason: Damage['reason']): undefined {
    this.#options.onDamage({ path: blobDataPath(digest), reason });
    return undefined;
  }
}

function isOf(digest: Digest, bytes: Uint8Array): boolean {
  return digestOf(bytes, digestAlgorithm(digest)) === digest;
}

function mediaTypeOf(bytes: Uint8Array): string | undefined {
  try {
    return parseManifest(bytes).mediaType;
  } catch (err) {
    if (err instanceof RegistryError) return undefined;
    throw err;
  }
}
