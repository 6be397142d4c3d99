import { type BoundedCache, createCountedCache } from '../cache/lru.ts';
import type { Digest } from '../oci/digest.ts';
import { readManifest } from '../oci/manifest.ts';
import { keyOf } from './decisions.ts';
import type { DecidedContent } from './decision.ts';

const MAX_ENTRIES = 200_000;
const RELEASED = {};

/** Content that is served because an admitted manifest of its repository names it, as far as this process knows. */
export class ReleasedParts {
  readonly #released: BoundedCache<object> = createCountedCache({ maxEntries: MAX_ENTRIES });

  has(repository: string, digest: Digest): boolean {
    return this.#released.get(`${repository}@${digest}`) !== undefined;
  }

  add(content: DecidedContent): void {
    this.#released.set(keyOf(content), RELEASED);
  }

  /** @param manifest an admitted one */
  addPartsOf(repository: string, manifest: Uint8Array): void {
    for (const digest of partsOf(manifest)) this.add({ repository, digest });
  }
}

function partsOf(manifest: Uint8Array): readonly Digest[] {
  try {
    return readManifest(manifest).manifest.references.map(({ digest }) => digest);
  } catch {
    return []; // it has no parts that a client could find
  }
}
