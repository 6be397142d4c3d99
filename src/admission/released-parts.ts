import { type BoundedCache, createCountedCache } from '../cache/lru.ts';
import type { Digest } from '../oci/digest.ts';
import { type ManifestReference, readManifest } from '../oci/manifest.ts';
import { keyOf } from './decisions.ts';
import type { DecidedContent } from './decision.ts';

const MAX_ENTRIES = 200_000;
const RELEASED = {};

/** What an admitted manifest names content as: bytes that are served as a blob are not an admitted image. */
export type PartKind = 'manifest' | 'blob';

/** Content that is served because an admitted manifest of its repository names it, as far as this process knows. */
export class ReleasedParts {
  readonly #manifests: BoundedCache<object> = createCountedCache({ maxEntries: MAX_ENTRIES });
  readonly #blobs: BoundedCache<object> = createCountedCache({ maxEntries: MAX_ENTRIES });

  has(repository: string, digest: Digest, kind: PartKind): boolean {
    return this.#of(kind).get(`${repository}@${digest}`) !== undefined;
  }

  add(content: DecidedContent, kind: PartKind): void {
    this.#of(kind).set(keyOf(content), RELEASED);
  }

  /** @param manifest an admitted one */
  addPartsOf(repository: string, manifest: Uint8Array): void {
    for (const { digest, kind } of partsOf(manifest))
      this.add({ repository, digest }, kind === 'manifest' ? 'manifest' : 'blob');
  }

  #of(kind: PartKind): BoundedCache<object> {
    return kind === 'manifest' ? this.#manifests : this.#blobs;
  }
}

function partsOf(manifest: Uint8Array): readonly ManifestReference[] {
  try {
    return readManifest(manifest).manifest.references;
  } catch {
    return []; // it has no parts that a client could find
  }
}
