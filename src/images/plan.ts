import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { parseManifest, type ParsedManifest } from '../oci/manifest.ts';
import { DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED } from '../oci/media-types.ts';
import { MAX_MANIFEST_BYTES } from '../upstream/upstream.ts';
import { ImageError } from './image-error.ts';
import type { ImageManifest, ImageSource } from './image-source.ts';

/** The parts of an image: manifests, each after those that it refers to, and each blob once. */
export interface CopyPlan {
  readonly manifests: readonly ImageManifest[];
  readonly blobs: readonly Descriptor[];
}

/** More than any real image has; larger ones are attacks. */
const MAX_MANIFESTS = 2_000;
const MAX_BLOBS = 100_000;
/** An index of indexes of … */
const MAX_DEPTH = 8;
/** Layers that must not be redistributed; clients get them from the URLs in the manifest. */
const FOREIGN = /^application\/vnd\.(?:docker\.image\.rootfs\.foreign|oci\.image\.layer\.nondistributable)\./;

/** Collects the parts of one or several images. */
export class Planner {
  readonly #source: Pick<ImageSource, 'manifest' | 'name'>;
  readonly #seen = new Set<Digest>();
  readonly #manifests: ImageManifest[] = [];
  readonly #blobs = new Map<Digest, Descriptor>();

  constructor(source: Pick<ImageSource, 'manifest' | 'name'>) {
    this.#source = source;
  }

  get plan(): CopyPlan {
    return { manifests: this.#manifests, blobs: [...this.#blobs.values()] };
  }

  /** @throws {ImageError} when it is not an image, is damaged, or is larger than any real image */
  async add(manifest: ImageManifest, depth = 0): Promise<void> {
    if (this.#seen.has(manifest.digest)) return;
    this.#seen.add(manifest.digest);
    if (this.#seen.size > MAX_MANIFESTS) throw this.#refused(`more than ${MAX_MANIFESTS} manifests`);
    if (depth > MAX_DEPTH) throw this.#refused(`indexes more than ${MAX_DEPTH} deep`);
    for (const reference of readManifest(manifest, this.#source.name).references) {
      if (reference.kind === 'manifest') {
        if (!this.#seen.has(reference.digest)) await this.add(await fetchManifest(this.#source, reference), depth + 1);
      } else if (!FOREIGN.test(reference.mediaType)) this.#addBlob(reference);
    }
    this.#manifests.push(manifest);
  }

  /** Adds an index without the manifests that it lists. */
  addAlone(index: ImageManifest): void {
    this.#seen.add(index.digest);
    this.#manifests.push(index);
  }

  /** @throws {ImageError} when one of these manifests is not in the plan */
  require(digests: Iterable<Digest>): void {
    for (const digest of digests) {
      if (!this.has(digest)) throw new ImageError(`${this.#source.name}: ${digest} is missing`);
    }
  }

  /** Whether it is in the plan already. */
  has(digest: Digest): boolean {
    return this.#seen.has(digest);
  }

  #addBlob({ mediaType, digest, size }: Descriptor): void {
    const known = this.#blobs.get(digest);
    if (known && known.size !== size) throw this.#refused(`${digest} with ${known.size} bytes and with ${size}`);
    this.#blobs.set(digest, { mediaType, digest, size });
    if (this.#blobs.size > MAX_BLOBS) throw this.#refused(`more than ${MAX_BLOBS} blobs`);
  }

  #refused(what: string): ImageError {
    return new ImageError(`${this.#source.name}: refused, it has ${what}`);
  }
}

/** @throws {ImageError} when the bytes do not match the descriptor */
export async function fetchManifest(
  source: Pick<ImageSource, 'manifest' | 'name'>,
  { mediaType, digest, size }: Descriptor,
): Promise<ImageManifest> {
  if (size > MAX_MANIFEST_BYTES) throw new ImageError(`${source.name}: refused, ${digest} has ${size} bytes`);
  const bytes = await source.manifest({ mediaType, digest, size });
  if (bytes.length !== size)
    throw new ImageError(`${source.name}: ${digest} has ${bytes.length} bytes and not ${size}`);
  checkDigest(bytes, digest, source.name);
  return { mediaType, digest, size, bytes };
}

/** @throws {ImageError} */
function checkDigest(bytes: Uint8Array, digest: Digest, name: string): void {
  const actual = digestOf(bytes, digestAlgorithm(digest));
  if (actual !== digest) throw new ImageError(`${name}: ${digest} is damaged: its bytes are ${actual}`);
}

/** @throws {ImageError} */
export function readManifest({ bytes, digest }: ImageManifest, name: string): ParsedManifest {
  let parsed: ParsedManifest;
  try {
    parsed = parseManifest(bytes);
  } catch (err) {
    if (err instanceof RegistryError) throw new ImageError(`${name}: ${digest}: ${err.message}`, { cause: err });
    throw err;
  }
  if (parsed.mediaType === DOCKER_SCHEMA1 || parsed.mediaType === DOCKER_SCHEMA1_SIGNED) {
    throw new ImageError(`${name}: ${digest} is an image of schema 1, which is not supported`);
  }
  return parsed;
}
