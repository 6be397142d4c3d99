import pLimit from 'p-limit';

import type { ManifestDescriptor } from '../oci/descriptor.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { parseManifest } from '../oci/manifest.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { orUndefined } from './links.ts';
import type { ManifestStore } from './manifests.ts';
import { revisionsPath } from './paths.ts';

const MAX_CONCURRENT_READS = 16;
/** About 100 bytes each, more for those that have a subject. */
const MAX_KNOWN = 100_000;
const ALGORITHMS = ['sha256', 'sha512'] as const;

export interface ReferrerStoreOptions {
  readonly driver: StorageDriver;
  readonly manifests: ManifestStore;
}

interface Referrer {
  readonly subject: Digest;
  readonly descriptor: ManifestDescriptor;
}

/**
 * Which manifests of a repository are attached to one. Found by looking at every manifest of the repository; what a
 * digest's bytes say never changes, so each is parsed once, while what the repository has is asked every time.
 */
export class ReferrerStore {
  readonly #options: ReferrerStoreOptions;
  /** Undefined for a manifest without subject. */
  readonly #known = new Map<Digest, Referrer | undefined>();
  readonly #limit = pLimit(MAX_CONCURRENT_READS);

  constructor(options: ReferrerStoreOptions) {
    this.#options = options;
  }

  /** In the order of their digests; empty when there are none. */
  async list(repository: string, subject: Digest): Promise<ManifestDescriptor[]> {
    const revisions = await this.#revisions(repository);
    const referrers = await this.#limit.map(revisions, (digest) => this.#findReferrer(repository, digest, subject));
    return referrers.filter((descriptor) => descriptor !== undefined);
  }

  async #revisions(repository: string): Promise<Digest[]> {
    const lists = ALGORITHMS.map(async (algorithm) => {
      const names = await orUndefined(this.#options.driver.list(revisionsPath(repository, algorithm)));
      return (names ?? []).map((hex) => `${algorithm}:${hex}`).filter(isDigest);
    });
    return (await Promise.all(lists)).flat();
  }

  async #findReferrer(repository: string, digest: Digest, subject: Digest): Promise<ManifestDescriptor | undefined> {
    const { manifests } = this.#options;
    if (!this.#known.has(digest)) {
      const manifest = await manifests.find(repository, digest);
      if (manifest) this.#remember(digest, referrerOf(digest, manifest.bytes));
    }
    const referrer = this.#known.get(digest);
    if (referrer?.subject !== subject) return undefined;
    // The directory of a deleted revision can stay behind without its link.
    return (await manifests.has(repository, digest)) ? referrer.descriptor : undefined;
  }

  #remember(digest: Digest, referrer: Referrer | undefined): void {
    const [oldest] = this.#known.keys();
    if (this.#known.size >= MAX_KNOWN && oldest) this.#known.delete(oldest);
    this.#known.set(digest, referrer);
  }
}

/** @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers */
function referrerOf(digest: Digest, bytes: Uint8Array): Referrer | undefined {
  const { mediaType, subject, artifactType, annotations } = parseManifest(bytes);
  if (!subject) return undefined;
  const descriptor = {
    mediaType,
    digest,
    size: bytes.length,
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations && { annotations }),
  };
  return { subject: subject.digest, descriptor };
}
