import type { ManifestDescriptor } from '../oci/descriptor.ts';
import { parseManifest } from '../oci/manifest.ts';
import type { BlobFeed } from './blob-feed.ts';
import type { ImageDestination } from './image-destination.ts';
import type { ImageManifest } from './image-source.ts';
import { entryOf, indexJson, type LayoutNames, namesWithTag, OCI_LAYOUT, withEntry } from './index-json.ts';
import { blobPath } from './layout-source.ts';
import { TarWriter } from './tar-writer.ts';

/** An OCI layout in one new tar file, which is visible when it is complete. */
export class ArchiveDestination implements ImageDestination {
  readonly name: string;
  /** An archive is written sequentially. */
  readonly maxJobs = 1;
  readonly #names: LayoutNames;
  readonly #archive: TarWriter;
  readonly #paths = new Set<string>();
  #entries: readonly ManifestDescriptor[] = [];

  private constructor(path: string, archive: TarWriter, names: LayoutNames) {
    this.#archive = archive;
    this.#names = names;
    this.name = `oci-archive:${path}${names.tag === undefined ? '' : `:${names.tag}`}`;
  }

  /** @throws {ImageError} when the file exists: archives are not changed or overwritten */
  static async create(path: string, names: LayoutNames): Promise<ArchiveDestination> {
    const destination = new ArchiveDestination(path, await TarWriter.create(path), names);
    await destination.#add('oci-layout', OCI_LAYOUT);
    return destination;
  }

  async hasBlob(): Promise<boolean> {
    return false;
  }

  async putBlob(feed: BlobFeed): Promise<'copied'> {
    const { digest, size } = feed.descriptor;
    await this.#entry(blobPath(digest), size, feed.open(0));
    return 'copied';
  }

  async putManifest(manifest: ImageManifest): Promise<void> {
    await this.#add(blobPath(manifest.digest), manifest.bytes);
    if (parseManifest(manifest.bytes).subject) this.#entries = withEntry(this.#entries, entryOf(manifest));
  }

  async putTag(manifest: ImageManifest, tag: string): Promise<void> {
    await this.#add(blobPath(manifest.digest), manifest.bytes);
    this.#entries = withEntry(this.#entries, entryOf(manifest, namesWithTag(this.#names, tag)));
  }

  async putRoot(manifest: ImageManifest): Promise<void> {
    await this.#add(blobPath(manifest.digest), manifest.bytes);
    this.#entries = withEntry(this.#entries, entryOf(manifest, this.#names));
  }

  async commit(): Promise<void> {
    await this.#add('index.json', indexJson(this.#entries));
    await this.#archive.commit();
  }

  close(): Promise<void> {
    return this.#archive.close();
  }

  async #add(path: string, bytes: Uint8Array): Promise<void> {
    if (this.#paths.has(path)) return;
    await this.#entry(path, bytes.length, [bytes]);
  }

  async #entry(path: string, size: number, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    this.#paths.add(path);
    await this.#archive.add(path, size, chunks);
  }
}
