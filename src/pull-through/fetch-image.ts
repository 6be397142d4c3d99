import type { Digest } from '../oci/digest.ts';
import { type ManifestReference, readManifest } from '../oci/manifest.ts';
import { NON_DISTRIBUTABLE_LAYERS } from '../oci/media-types.ts';
import type { CallOptions, Manifest, RegistryReader } from '../registry/registry.ts';

/** Content of an image that was not stored before. */
export interface FetchedImage {
  readonly manifests: number;
  readonly blobs: number;
  /** Of the blobs. */
  readonly bytes: number;
}

export interface ImageToFetch {
  readonly repository: string;
  readonly digest: Digest;
  /** Of an index, only the images for these, from {@link platformsOf}. Empty: all. */
  readonly platforms: ReadonlySet<string>;
  /** For each call. */
  readonly call?: CallOptions | undefined;
}

/** An index of indexes of … */
const MAX_DEPTH = 8;

/** The platforms that an index lists, as texts to compare. */
export async function platformsOf(
  index: Pick<Manifest, 'bytes'>,
  isWanted: (entry: ManifestReference) => Promise<boolean>,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const entry of readManifest(index.bytes).manifest.references) {
    if (entry.kind === 'manifest' && (await isWanted(entry))) found.add(platformOf(entry));
  }
  return found;
}

/**
 * Pulls an image through a cache, which stores it.
 *
 * @throws {RegistryError} when a part of it cannot be fetched; the parts before it are stored
 */
export async function fetchImage(
  registry: Pick<RegistryReader, 'getManifest' | 'openBlob'>,
  image: ImageToFetch,
): Promise<FetchedImage> {
  const fetch = new ImageFetch(registry, image);
  await fetch.manifest(image.digest, 0);
  return fetch.fetched;
}

class ImageFetch {
  readonly fetched = { manifests: 0, blobs: 0, bytes: 0 };
  readonly #registry: Pick<RegistryReader, 'getManifest' | 'openBlob'>;
  readonly #image: ImageToFetch;
  readonly #seen = new Set<Digest>();

  constructor(registry: Pick<RegistryReader, 'getManifest' | 'openBlob'>, image: ImageToFetch) {
    this.#registry = registry;
    this.#image = image;
  }

  async manifest(digest: Digest, depth: number): Promise<void> {
    if (this.#seen.has(digest) || depth > MAX_DEPTH) return;
    this.#seen.add(digest);
    const { repository, platforms, call } = this.#image;
    const { bytes, outcome } = await this.#registry.getManifest(repository, { kind: 'digest', digest }, call);
    if (outcome !== 'HIT') this.fetched.manifests++;
    for (const part of readManifest(bytes).manifest.references) {
      if (part.kind !== 'manifest') await this.#blob(part);
      else if (platforms.size === 0 || platforms.has(platformOf(part))) await this.manifest(part.digest, depth + 1);
    }
  }

  async #blob({ digest, mediaType }: ManifestReference): Promise<void> {
    if (this.#seen.has(digest) || NON_DISTRIBUTABLE_LAYERS.includes(mediaType)) return;
    this.#seen.add(digest);
    const size = await pullBlob(this.#registry, this.#image, digest);
    if (size === undefined) return;
    this.fetched.blobs++;
    this.fetched.bytes += size;
  }
}

/** @returns its size; undefined when it was stored */
async function pullBlob(
  registry: Pick<RegistryReader, 'openBlob'>,
  { repository, call }: Pick<ImageToFetch, 'repository' | 'call'>,
  digest: Digest,
): Promise<number | undefined> {
  const { source, size, outcome } = await registry.openBlob(repository, digest, call);
  try {
    if (outcome === 'HIT') return undefined;
    // A fill is complete when its last byte can be read.
    for await (const _ of source.read({ start: 0, end: size }));
    return size;
  } finally {
    await source.close();
  }
}

function platformOf({ platform }: ManifestReference): string {
  const { os, architecture, variant } = platform ?? {};
  return JSON.stringify([os, architecture, variant]);
}
