import type { Digest } from '../oci/digest.ts';
import type { ManifestReading } from '../oci/manifest.ts';
import type { UsageIndex } from './usage-index.ts';

/** Where manifests can be read. */
export interface ManifestReader {
  read(repository: string, digest: Digest): Promise<{ readonly reading: ManifestReading } | undefined>;
}

/** What manifests are made of. Read from storage once; what the bytes of a digest say never changes. */
export class ManifestParts {
  readonly #index: UsageIndex;
  readonly #reader: ManifestReader;

  constructor(index: UsageIndex, reader: ManifestReader) {
    this.#index = index;
    this.#reader = reader;
  }

  /** Empty for a manifest that is not there. */
  async of(repository: string, digest: Digest): Promise<readonly Digest[]> {
    const known = await this.#index.partsOf(digest);
    if (known) return known;
    const manifest = await this.#reader.read(repository, digest);
    if (!manifest) return [];
    const parts = manifest.reading.manifest.references.map((reference) => reference.digest);
    await this.#index.putParts(digest, parts);
    return parts;
  }

  /** Whether a manifest of the repository has the digest as a part. */
  async isPart(repository: string, digest: Digest): Promise<boolean> {
    for (const whole of await this.#index.parentsOf(digest)) {
      if (await this.#index.find({ repository, digest: whole, kind: 'manifest' })) return true;
    }
    return false;
  }
}
