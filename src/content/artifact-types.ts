import { createHash } from 'node:crypto';

import { type Digest, digestHex } from '../oci/digest.ts';

/** About 20 MB. */
const MAX_KNOWN = 200_000;

/**
 * The artifact types of manifests, as short hashes: enough for a filter to pass over manifests of other types without reading them. The bytes
 * of a digest never change, so neither does its type.
 */
export class ArtifactTypes {
  readonly #types = new Map<string, number>();
  readonly #max: number;

  constructor({ max = MAX_KNOWN }: { readonly max?: number } = {}) {
    this.#max = max;
  }

  /** @param artifactType absent for a manifest without one, or that refers to nothing */
  remember(digest: Digest, artifactType: string | undefined): void {
    const [oldest] = this.#types.keys();
    if (this.#types.size >= this.#max && oldest !== undefined) this.#types.delete(oldest);
    this.#types.set(keyOf(digest), hashOf(artifactType));
  }

  /** @returns for each digest whether it may have the type: true also when that is not known */
  matcher(artifactType: string | undefined): (digest: Digest) => boolean {
    if (artifactType === undefined) return () => true;
    const wanted = hashOf(artifactType);
    return (digest) => (this.#types.get(keyOf(digest)) ?? wanted) === wanted;
  }
}

/** Half the memory of the digest. */
function keyOf(digest: Digest): string {
  return Buffer.from(digestHex(digest), 'hex').toString('latin1');
}

function hashOf(artifactType: string | undefined): number {
  if (artifactType === undefined) return -1;
  return createHash('sha256').update(artifactType).digest().readUIntBE(0, 6);
}
