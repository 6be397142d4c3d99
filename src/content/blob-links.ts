import { type Digest, digestAlgorithm } from '../oci/digest.ts';
import type { StorageDriver, WriteBatch } from '../storage/driver.ts';
import type { ContentWriter } from './content-writer.ts';
import type { DamageListener } from './damage.ts';
import { type LinkStore, orUndefined } from './links.ts';
import { blobDataPath, layerDirectory, layerLinkPath } from './paths.ts';

export interface BlobLinksOptions {
  readonly driver: StorageDriver;
  readonly links: LinkStore;
  readonly onDamage: DamageListener;
}

/** The link files that make blobs part of a repository. Takes no locks. */
export class BlobLinks {
  readonly #options: BlobLinksOptions;

  constructor(options: BlobLinksOptions) {
    this.#options = options;
  }

  /** Whether the repository links the digest. Its bytes may be missing. */
  async has(repository: string, digest: Digest): Promise<boolean> {
    return (await this.#options.links.find(layerLinkPath(repository, digest))) !== undefined;
  }

  /** The digest under which the bytes are stored: usually the same, and for a sha512 link it may be a sha256. */
  async findTarget(repository: string, digest: Digest): Promise<Digest | undefined> {
    const path = layerLinkPath(repository, digest);
    const target = await this.#options.links.find(path);
    if (!target || target === digest || digestAlgorithm(target) !== digestAlgorithm(digest)) return target;
    this.#options.onDamage({ path, reason: 'bad-link' });
    return undefined;
  }

  /** Starts to write a link that {@link put} will be called for. */
  prepare(repository: string, digest: Digest, writer: ContentWriter): void {
    writer.prepare(layerLinkPath(repository, digest), Buffer.from(digest));
  }

  async put(repository: string, digest: Digest, writer: ContentWriter): Promise<void> {
    const path = layerLinkPath(repository, digest);
    await this.#options.links.putIfChanged(path, digest, writer, [blobDataPath(digest)]);
  }

  /** A link, where there is one, and the bytes that it leads to become durable with the batch. */
  async relyOn(repository: string, digest: Digest, batch: WriteBatch): Promise<void> {
    const isAlias = digestAlgorithm(digest) !== 'sha256';
    const target = isAlias ? await this.findTarget(repository, digest) : digest;
    batch.relyOn(layerLinkPath(repository, digest));
    batch.relyOn(blobDataPath(target ?? digest));
  }

  /** Writes a link again that was written before `time`. Unix milliseconds. */
  async refresh(
    repository: string,
    digest: Digest,
    { time, writer }: { readonly time: number; readonly writer: ContentWriter },
  ): Promise<void> {
    const { driver, links } = this.#options;
    const path = layerLinkPath(repository, digest);
    const info = await orUndefined(driver.stat(path));
    if (!info || info.modifiedAt.getTime() >= time) return;
    const target = await links.find(path);
    if (target) await links.put(path, target, writer);
  }

  async delete(repository: string, digest: Digest): Promise<void> {
    await this.#options.driver.delete(layerDirectory(repository, digest));
  }
}
