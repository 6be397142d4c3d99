import type { Descriptor, ManifestDescriptor } from '../oci/descriptor.ts';
import { type Digest, digestAlgorithm, digestHex } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { parseManifest } from '../oci/manifest.ts';
import { MAX_MANIFEST_BYTES } from '../upstream/upstream.ts';
import { digestTagsOf } from './digest-tags.ts';
import { ImageError } from './image-error.ts';
import type { ImageManifest, ImageSource, TaggedManifest } from './image-source.ts';
import { chooseEntry, listedManifests, namesOf, tagsOf } from './index-json.ts';
import type { LayoutFiles } from './layout-files.ts';
import { fetchManifest } from './plan.ts';

/** Bytes. An index.json of many thousand images. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;

/**
 * An image in an OCI layout: a directory or an archive.
 *
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 */
export class LayoutSource implements ImageSource {
  readonly name: string;
  readonly repository: undefined;
  readonly fullName: undefined;
  readonly areChunksStable = true;
  readonly #files: LayoutFiles;
  readonly #wanted: { readonly name: string | undefined; readonly digest: Digest | undefined };
  #entries: readonly ManifestDescriptor[] | undefined;
  #subjects: ReadonlyMap<Digest, readonly ManifestDescriptor[]> | undefined;

  constructor(files: LayoutFiles, wanted: { readonly name: string | undefined; readonly digest: Digest | undefined }) {
    this.#files = files;
    this.#wanted = wanted;
    this.name = files.name;
  }

  get tag(): string | undefined {
    return this.#wanted.name;
  }

  /** @throws {ImageError} when it is not a layout */
  async entries(): Promise<readonly ManifestDescriptor[]> {
    if (!this.#entries) {
      const version = await this.#files.read('oci-layout', 4096);
      if (!/"imageLayoutVersion"\s*:\s*"1\./.test(version.toString('utf8'))) {
        throw new ImageError(`${this.name}: not an OCI layout of version 1`);
      }
      this.#entries = listedManifests(await this.#files.read('index.json', MAX_INDEX_BYTES), this.name);
    }
    return this.#entries;
  }

  async root(): Promise<ImageManifest> {
    return fetchManifest(this, chooseEntry(await this.entries(), this.#wanted, this.name));
  }

  /** Another image of the layout, with the same index in memory. */
  image(digest: Digest): ImageSource {
    const entry = async () => chooseEntry(await this.entries(), { name: undefined, digest }, this.name);
    return {
      name: `${this.name}@${digest}`,
      tag: undefined,
      fullName: undefined,
      repository: undefined,
      areChunksStable: true,
      root: async () => fetchManifest(this, await entry()),
      manifest: (descriptor) => this.manifest(descriptor),
      blob: (descriptor, options) => this.blob(descriptor, options),
      referrers: (subject) => this.referrers(subject),
      digestTags: (subject) => this.digestTags(subject),
      close: async () => {},
    };
  }

  manifest({ digest }: Descriptor): Promise<Buffer> {
    return this.#files.read(blobPath(digest), MAX_MANIFEST_BYTES);
  }

  async *blob(
    { digest, size }: Descriptor,
    { start, signal }: { readonly start: number; readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    const path = blobPath(digest);
    const there = await this.#files.size(path);
    if (there === undefined) throw new ImageError(`${this.name}: ${digest} is missing`);
    if (there !== size) throw new ImageError(`${this.name}: ${digest} has ${there} bytes and not ${size}`);
    for await (const chunk of this.#files.open(path, start)) {
      signal.throwIfAborted();
      yield chunk;
    }
  }

  /** Entries of the index with this subject, and those of the tag schema. */
  async referrers(digest: Digest): Promise<readonly ManifestDescriptor[]> {
    this.#subjects ??= await this.#readSubjects();
    const fallback = (await this.entries()).find((entry) => namesOf(entry).includes(digest.replace(':', '-')));
    const tagged = fallback ? listedManifests((await fetchManifest(this, fallback)).bytes, this.name) : [];
    const found = [...(this.#subjects.get(digest) ?? []), ...tagged];
    return [...new Map(found.map((entry) => [entry.digest, entry])).values()];
  }

  async digestTags(digest: Digest): Promise<readonly TaggedManifest[]> {
    const entries = await this.entries();
    const found: TaggedManifest[] = [];
    for (const tag of digestTagsOf(digest)) {
      const entry = entries.find((one) => tagsOf(one).includes(tag));
      if (entry) found.push({ tag, manifest: await fetchManifest(this, entry) });
    }
    return found;
  }

  close(): Promise<void> {
    return this.#files.close();
  }

  async #readSubjects(): Promise<ReadonlyMap<Digest, readonly ManifestDescriptor[]>> {
    const subjects = new Map<Digest, ManifestDescriptor[]>();
    for (const entry of await this.entries()) {
      const { bytes } = await fetchManifest(this, entry);
      const subject = subjectOf(bytes);
      if (subject) subjects.set(subject, [...(subjects.get(subject) ?? []), entry]);
    }
    return subjects;
  }
}

/** Undefined also for a file that is not a manifest: a layout may contain anything. */
function subjectOf(bytes: Uint8Array): Digest | undefined {
  try {
    return parseManifest(bytes).subject?.digest;
  } catch (err) {
    if (err instanceof RegistryError) return undefined;
    throw err;
  }
}

export function blobPath(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}
