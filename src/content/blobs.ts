import { type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts';
import type { Adoption, RedirectRequest, StorageDriver } from '../storage/driver.ts';
import type { StagedFile } from '../storage/staging.ts';
import type { ByteSource } from '../stream/byte-source.ts';
import type { DamageListener } from './damage.ts';
import { type LinkStore, orUndefined } from './links.ts';
import { blobDataPath, blobDirectory, layerDirectory, layerLinkPath, quarantinePath } from './paths.ts';

export interface BlobStoreOptions {
  readonly driver: StorageDriver;
  readonly links: LinkStore;
  readonly onDamage: DamageListener;
}

/** Blobs: bytes kept once for all repositories, and a link in each repository that has them. */
export class BlobStore {
  readonly #options: BlobStoreOptions;

  constructor(options: BlobStoreOptions) {
    this.#options = options;
  }

  /** The caller closes it. Undefined when the repository does not have it. */
  async open(repository: string, digest: Digest): Promise<ByteSource | undefined> {
    const target = await this.#findTarget(repository, digest);
    if (!target) return undefined;
    const path = blobDataPath(target);
    const source = await orUndefined(this.#options.driver.open(path));
    if (this.#isWhole(target, source?.size)) return source;
    await source?.close();
    return undefined;
  }

  /** Bytes; undefined when the repository does not have it. */
  async stat(repository: string, digest: Digest): Promise<number | undefined> {
    const target = await this.#findTarget(repository, digest);
    if (!target) return undefined;
    const size = await this.#dataSize(target);
    return this.#isWhole(target, size) ? size : undefined;
  }

  /** Whether any repository may have it. */
  async hasBytes(digest: Digest): Promise<boolean> {
    const size = await this.#dataSize(digest);
    return size !== undefined && this.#isWhole(digest, size);
  }

  /** The bytes, whichever repository they belong to: the caller knows that the reader may have them. */
  async openBytes(digest: Digest): Promise<ByteSource | undefined> {
    const source = await orUndefined(this.#options.driver.open(blobDataPath(digest)));
    if (!source || this.#isWhole(digest, source.size)) return source;
    await source.close();
    return undefined;
  }

  /** Makes bytes that are already stored part of a repository. */
  async link(repository: string, digest: Digest): Promise<void> {
    await this.#options.links.putIfChanged(layerLinkPath(repository, digest), digest);
  }

  /** Makes a link anew that was made before `time` (Unix milliseconds). */
  async refreshLink(repository: string, digest: Digest, time: number): Promise<void> {
    const { driver, links } = this.#options;
    const path = layerLinkPath(repository, digest);
    const info = await orUndefined(driver.stat(path));
    if (!info || info.modifiedAt.getTime() >= time) return;
    const target = await links.find(path);
    if (target) await links.put(path, target);
  }

  /** Where a client can fetch the bytes by itself; undefined when the repository does not have them, or they are served from here. */
  async redirect(
    repository: string,
    digest: Digest,
    request: RedirectRequest,
  ): Promise<{ readonly url: string; readonly size: number } | undefined> {
    const target = await this.#findTarget(repository, digest);
    const size = target && (await this.#dataSize(target));
    if (!target || size === undefined || !this.#isWhole(target, size)) return undefined;
    const url = await this.#options.driver.redirectUrl(blobDataPath(target), request);
    return url === undefined ? undefined : { url, size };
  }

  /** Begins to store a blob that is still being fetched, where that saves time. Nothing is seen before {@link commit}. */
  startCommit(digest: Digest, localFile: string, options: { readonly size: number }): Adoption | undefined {
    return this.#options.driver.startAdoption?.(localFile, blobDataPath(digest), options);
  }

  /**
   * Takes over a local file whose bytes the caller has verified, in place of what was stored before.
   *
   * @param started what {@link startCommit} has begun
   * @throws {StorageFullError} and then the local file is still there
   */
  async commit(repository: string, digest: Digest, localFile: string, started?: Adoption): Promise<void> {
    const adopt = () => this.#options.driver.adopt(localFile, blobDataPath(digest));
    // The bytes first: a link that is there can be relied on.
    if (started) await started.finish().catch(adopt);
    else await adopt();
    await this.link(repository, digest);
  }

  /** The same for a staged file. Bytes that are stored already are replaced: these are known to be right. */
  async publish(repository: string, digest: Digest, staged: StagedFile): Promise<void> {
    await staged.publish(blobDataPath(digest));
    await this.link(repository, digest);
  }

  /** Whether the repository links it; says nothing of its bytes. */
  async isLinked(repository: string, digest: Digest): Promise<boolean> {
    return (await this.#options.links.find(layerLinkPath(repository, digest))) !== undefined;
  }

  /** Bytes that are stored, for whichever repository, whole or not; undefined when there are none. */
  storedSize(digest: Digest): Promise<number | undefined> {
    return this.#dataSize(digest);
  }

  /** The caller knows that no repository links them. */
  async deleteBytes(digest: Digest): Promise<void> {
    await this.#options.driver.delete(blobDirectory(digest));
  }

  /** Puts the bytes where nobody looks for content. @throws {PathNotFoundError} */
  async quarantine(digest: Digest): Promise<string> {
    const path = quarantinePath(digest);
    await this.#options.driver.move(blobDataPath(digest), path);
    return path;
  }

  /** The bytes stay. */
  async deleteLink(repository: string, digest: Digest): Promise<void> {
    await this.#options.driver.delete(layerDirectory(repository, digest));
  }

  /** Usually the digest itself; a sha512 one may stand for bytes that are stored under sha256. */
  async #findTarget(repository: string, digest: Digest): Promise<Digest | undefined> {
    const path = layerLinkPath(repository, digest);
    const target = await this.#options.links.find(path);
    if (!target || target === digest || digestAlgorithm(target) !== digestAlgorithm(digest)) return target;
    this.#options.onDamage({ path, reason: 'bad-link' });
    return undefined;
  }

  async #dataSize(digest: Digest): Promise<number | undefined> {
    const info = await orUndefined(this.#options.driver.stat(blobDataPath(digest)));
    return info?.isDirectory ? undefined : info?.size;
  }

  /** A file can be empty after a power cut if it was written by something that does not wait for the disk. */
  #isWhole(digest: Digest, size: number | undefined): boolean {
    if (size !== undefined && (size > 0 || digest === digestOf(Buffer.alloc(0), digestAlgorithm(digest)))) return true;
    this.#options.onDamage({ path: blobDataPath(digest), reason: size === 0 ? 'empty-data' : 'missing-data' });
    return false;
  }
}
