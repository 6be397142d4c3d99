import type { Digest } from '../oci/digest.ts';
import type { ManifestReading } from '../oci/manifest.ts';
import type { UsageIndex } from './usage-index.ts';

/** Reads stored manifests. */
export interface ManifestReader {
  read(repository: string, digest: Digest): Promise<{ readonly reading: ManifestReading } | undefined>;
}

/** The parts of manifests: what they refer to. Read from storage once, because the bytes of a digest never change. */
export class ManifestParts {
  readonly #index: UsageIndex;
  readonly #reader: ManifestReader;

  constructor(index: UsageIndex, reader: ManifestReader) {
    this.#index = index;
    this.#reader = reader;
  }

  /** Empty when the repository does not have the manifest. */
  async of(repository: string, digest: Digest): Promise<readonly Digest[]> {
    const known = await this.#index.partsOf(digest);
    if (known) return known;
    const manifest = await this.#reader.read(repository, digest);
    if (!manifest) return [];
    const parts = manifest.reading.manifest.references.map((reference) => reference.digest);
    await this.#index.putParts(digest, parts);
    return parts;
  }

  /**
   * Whether a manifest of the repository has the digest as a part. Goes through the manifests with the part and those of the repository side by
   * side, until either end: a layer that all repositories share has many parents, and a repository with many manifests few that share a layer.
   */
  async isPart(repository: string, digest: Digest): Promise<boolean> {
    const own = this.#index.ofRepository(repository)[Symbol.asyncIterator]();
    for await (const manifest of this.#index.parentsOf(digest)) {
      if (await this.#index.find({ repository, digest: manifest, kind: 'manifest' })) return true;
      const next = await own.next();
      if (next.done === true) return false;
      const isManifest = next.value.kind === 'manifest';
      if (isManifest && (await this.#index.partsOf(next.value.digest))?.includes(digest)) return true;
    }
    return false;
  }
}
