import { createHash } from 'node:crypto';

import type { Descriptor, ManifestDescriptor } from '../oci/descriptor.ts';
import { type Digest, digestFromHash, digestOf } from '../oci/digest.ts';
import { OCI_MANIFEST } from '../oci/media-types.ts';
import { MAX_MANIFEST_BYTES } from '../upstream/upstream.ts';
import { ImageError } from './image-error.ts';
import type { ImageManifest, ImageSource, TaggedManifest } from './image-source.ts';
import type { FileLocation } from './location.ts';
import type { LayoutFiles } from './layout-files.ts';

interface SavedImage {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}

const MAX_LAYERS = 1_000;
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';

/**
 * An image in an archive of `docker save`. Such an archive has no manifest that a registry would accept, so one is created, with the
 * configuration and the layers unchanged. The layers are usually not compressed.
 *
 * @see https://github.com/moby/moby/blob/v27.5.1/image/spec/v1.2.md#combined-image-json--filesystem-changeset-format
 */
export class DockerArchiveSource implements ImageSource {
  readonly name: string;
  readonly repository: undefined;
  readonly areChunksStable = true;
  readonly fullName: string | undefined;
  readonly tag: string | undefined;
  readonly #files: LayoutFiles;
  readonly #blobs = new Map<Digest, string>();
  readonly #wanted: string | undefined;

  constructor(files: LayoutFiles, { name, digest }: Pick<FileLocation, 'name' | 'digest'>) {
    if (digest !== undefined)
      throw new ImageError(`${files.name}: an image in a docker archive has no digest (name it by its tag)`);
    this.#files = files;
    this.#wanted = name;
    this.name = files.name;
    this.tag = name === undefined ? undefined : tagOf(name);
    this.fullName = this.tag === undefined ? undefined : name;
  }

  async root(): Promise<ImageManifest> {
    const image = this.#choose(parseSaved(await this.#files.read('manifest.json', MAX_MANIFEST_BYTES), this.name));
    const configBytes = await this.#files.read(image.Config, MAX_MANIFEST_BYTES);
    const config = { mediaType: CONFIG_TYPE, digest: digestOf(configBytes), size: configBytes.length };
    this.#blobs.set(config.digest, image.Config);
    const layers: Descriptor[] = [];
    for (const path of image.Layers) layers.push(await this.#layer(path));
    checkLayers(configBytes, layers, this.name);
    const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers };
    const bytes = Buffer.from(JSON.stringify(manifest));
    return { mediaType: OCI_MANIFEST, digest: digestOf(bytes), size: bytes.length, bytes };
  }

  async manifest({ digest }: Descriptor): Promise<Buffer> {
    throw new ImageError(`${this.name}: has no manifest ${digest}`);
  }

  async *blob(
    { digest }: Descriptor,
    { start, signal }: { readonly start: number; readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    const path = this.#blobs.get(digest);
    if (path === undefined) throw new ImageError(`${this.name}: ${digest} is missing`);
    for await (const chunk of this.#files.open(path, start)) {
      signal.throwIfAborted();
      yield chunk;
    }
  }

  async referrers(): Promise<readonly ManifestDescriptor[]> {
    return [];
  }

  async digestTags(): Promise<readonly TaggedManifest[]> {
    return [];
  }

  close(): Promise<void> {
    return this.#files.close();
  }

  #choose(images: readonly SavedImage[]): SavedImage {
    const wanted = this.#wanted;
    const isWanted = (tag: string) =>
      tag === wanted || tag === `docker.io/${wanted}` || tag === `docker.io/library/${wanted}`;
    const found = wanted === undefined ? images : images.filter(({ RepoTags }) => RepoTags.some(isWanted));
    const [first, ...others] = found;
    if (first && others.length === 0) return first;
    const known = images.flatMap(({ RepoTags }) => RepoTags).join(', ') || 'one without a name';
    const problem = first ? 'contains more than one image; name one of' : `no ${wanted ?? 'image'}; it contains`;
    throw new ImageError(`${this.name}: ${problem} ${known}`);
  }

  async #layer(path: string): Promise<Descriptor> {
    const hash = createHash('sha256');
    let size = 0;
    let head: Uint8Array | undefined;
    for await (const chunk of this.#files.open(path, 0)) {
      head ??= chunk.subarray(0, 4);
      hash.update(chunk);
      size += chunk.length;
    }
    const digest = digestFromHash(hash, 'sha256');
    this.#blobs.set(digest, path);
    return { mediaType: LAYER_TYPE + compressionOf(head), digest, size };
  }
}

function compressionOf(head: Uint8Array | undefined): '' | '+gzip' | '+zstd' {
  if (head?.[0] === 0x1f && head[1] === 0x8b) return '+gzip';
  return head?.[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd ? '+zstd' : '';
}

function parseSaved(bytes: Buffer, name: string): SavedImage[] {
  let list: unknown;
  try {
    list = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new ImageError(`${name}: manifest.json is not JSON`, { cause });
  }
  if (!Array.isArray(list)) throw new ImageError(`${name}: manifest.json is not a list of images`);
  return list.map((entry: unknown) => {
    const { Config, RepoTags, Layers } = (entry ?? {}) as Partial<SavedImage>;
    if (typeof Config !== 'string' || !isTexts(Layers) || !isTexts(RepoTags ?? [])) {
      throw new ImageError(`${name}: manifest.json has an image without Config or Layers`);
    }
    if (Layers.length > MAX_LAYERS) throw new ImageError(`${name}: refused, an image has ${Layers.length} layers`);
    return { Config, Layers, RepoTags: RepoTags ?? [] };
  });
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

/** Compares uncompressed layers with the configuration, as clients of a registry will. */
function checkLayers(configBytes: Buffer, layers: readonly Descriptor[], name: string): void {
  let diffIds: unknown;
  try {
    diffIds = (JSON.parse(configBytes.toString('utf8')) as { rootfs?: { diff_ids?: unknown } } | null)?.rootfs
      ?.diff_ids;
  } catch (cause) {
    throw new ImageError(`${name}: the configuration of the image is not JSON`, { cause });
  }
  if (!isTexts(diffIds) || diffIds.length !== layers.length) {
    throw new ImageError(`${name}: the configuration of the image does not list its ${layers.length} layers`);
  }
  for (const [i, { mediaType, digest }] of layers.entries()) {
    if (mediaType === LAYER_TYPE && digest !== diffIds[i]) {
      throw new ImageError(`${name}: layer ${i + 1} is damaged: its bytes are ${digest} and not ${diffIds[i]}`);
    }
  }
}

function tagOf(name: string): string | undefined {
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(colon + 1) : undefined;
}
