import type { ImageDestination } from '../images/image-destination.ts';
import type { ImageManifest } from '../images/image-source.ts';
import { entryOf, type LayoutNames, namesWithTag, withEntry } from '../images/index-json.ts';
import type { Descriptor, ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { parseManifest } from '../oci/manifest.ts';

/** What an image adds to a layout. It claims to have every blob, so that none is read. */
export class ImagePlan implements ImageDestination {
  readonly name: string;
  readonly maxJobs = 1;
  readonly manifests = new Map<Digest, Buffer>();
  readonly blobs = new Map<Digest, Descriptor>();
  readonly #names: LayoutNames;
  readonly #entries: ((entries: readonly ManifestDescriptor[]) => ManifestDescriptor[])[] = [];

  constructor(name: string, names: LayoutNames) {
    this.name = name;
    this.#names = names;
  }

  /** The entries of an index.json with this image. */
  addTo(entries: readonly ManifestDescriptor[]): readonly ManifestDescriptor[] {
    return this.#entries.reduce((before, add) => add(before), entries);
  }

  async hasBlob(blob: Descriptor): Promise<boolean> {
    this.blobs.set(blob.digest, blob);
    return true;
  }

  async putBlob(): Promise<'copied'> {
    throw new Error('a plan has every blob');
  }

  async putManifest(manifest: ImageManifest): Promise<void> {
    this.manifests.set(manifest.digest, manifest.bytes);
    // Referrers are found only through the index.
    if (parseManifest(manifest.bytes).subject) this.#entries.push((entries) => withEntry(entries, entryOf(manifest)));
  }

  async putTag(manifest: ImageManifest, tag: string): Promise<void> {
    this.#add(manifest, namesWithTag(this.#names, tag));
  }

  async putRoot(manifest: ImageManifest): Promise<void> {
    this.#add(manifest, this.#names);
  }

  async commit(): Promise<void> {
    // Nothing is written.
  }

  async close(): Promise<void> {
    // Nothing is open.
  }

  #add(manifest: ImageManifest, names: LayoutNames): void {
    this.manifests.set(manifest.digest, manifest.bytes);
    this.#entries.push((entries) => withEntry(entries, entryOf(manifest, names)));
  }
}
