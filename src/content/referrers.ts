import pLimit from 'p-limit';

import type { ManifestDescriptor } from '../oci/descriptor.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import {
  matchesArtifactType,
  type ReferrersPage,
  ReferrersPageBuilder,
  type ReferrersQuery,
} from '../oci/referrers-page.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { type ContentWriter, createDurableWriter } from './content-writer.ts';
import { type LinkStore, orUndefined } from './links.ts';
import type { ManifestFiles, ReadManifest } from './manifest-files.ts';
import { referrerDirectory, referrersCompletePath, referrersOfPath, revisionsPath } from './paths.ts';

const MAX_CONCURRENT_READS = 16;
/** Referrers that are looked up before it is checked whether the page is full. */
const BATCH = 64;
const MAX_KNOWN = 20_000;
/** Larger referrers are read from storage every time. Bytes of JSON. */
const MAX_KNOWN_BYTES = 4096;
const ALGORITHMS = ['sha256', 'sha512'] as const;

export interface ReferrerStoreOptions {
  readonly driver: StorageDriver;
  readonly links: LinkStore;
  readonly manifests: ManifestFiles;
  /** Reading writes nothing. */
  readonly readOnly: boolean;
}

interface Referrer {
  readonly subject: Digest;
  readonly descriptor: ManifestDescriptor;
}

/**
 * The referrers of manifests: a link below the subject for each, written before the manifest. A link is only a hint: whether the repository has
 * the manifest is checked each time, and the bytes of a digest never change.
 *
 * Manifests stored by distribution, or before there were these links, are found by one scan of all manifests of the repository.
 */
export class ReferrerStore {
  readonly #options: ReferrerStoreOptions;
  /** By digest; undefined for a manifest without a subject. */
  readonly #known = new Map<Digest, Referrer | undefined>();
  readonly #limit = pLimit(MAX_CONCURRENT_READS);

  constructor(options: ReferrerStoreOptions) {
    this.#options = options;
  }

  /** @param link `subject` is absent for a manifest that refers to none */
  async add(
    repository: string,
    { subject, referrer }: { readonly subject: Digest | undefined; readonly referrer: Digest },
    writer: ContentWriter = createDurableWriter(this.#options.driver),
  ): Promise<void> {
    if (!subject) return;
    await this.#options.links.putIfChanged(
      `${referrerDirectory(repository, subject, referrer)}/link`,
      referrer,
      writer,
    );
  }

  async remove(repository: string, subject: Digest, referrer: Digest): Promise<void> {
    await this.#options.driver.delete(referrerDirectory(repository, subject, referrer));
  }

  /** In the order of their digests; empty when there are none. */
  async list(repository: string, subject: Digest, query: ReferrersQuery = {}): Promise<ReferrersPage> {
    const page = new ReferrersPageBuilder(query);
    const { last = '' } = query;
    const candidates = (await this.#candidates(repository, subject)).filter((digest) => digest > last);
    for (let i = 0; i < candidates.length; i += BATCH) {
      const batch = candidates.slice(i, i + BATCH);
      const found = await this.#limit.map(batch, (digest) =>
        this.#findReferrer(repository, digest, { subject, query }),
      );
      const isWhole = found.every((descriptor) => descriptor === undefined || page.add(descriptor));
      if (!isWhole) return page.build({ isLast: false });
    }
    return page.build({ isLast: true });
  }

  async #candidates(repository: string, subject: Digest): Promise<Digest[]> {
    const { driver } = this.#options;
    const isComplete = await orUndefined(driver.stat(referrersCompletePath(repository)));
    if (!isComplete) return this.#scan(repository);
    return this.#digestsBelow((algorithm) => referrersOfPath(repository, subject, algorithm));
  }

  /** @returns all manifests of the repository. The next request finds their links. */
  async #scan(repository: string): Promise<Digest[]> {
    const revisions = await this.#digestsBelow((algorithm) => revisionsPath(repository, algorithm));
    if (revisions.length === 0 || this.#options.readOnly) return revisions;
    // When the disk is full, the next request scans again.
    await this.#link(repository, revisions).catch(() => {});
    return revisions;
  }

  async #link(repository: string, revisions: readonly Digest[]): Promise<void> {
    await this.#limit.map(revisions, async (digest) => {
      const referrer = await this.#referrer(repository, digest);
      await this.add(repository, { subject: referrer?.subject, referrer: digest });
    });
    // After the links are durable, whatever the durability of pushes.
    await this.#options.driver.writeSmall(referrersCompletePath(repository), Buffer.from('1'));
  }

  async #digestsBelow(pathOf: (algorithm: string) => string): Promise<Digest[]> {
    const lists = ALGORITHMS.map(async (algorithm) => {
      const names = await orUndefined(this.#options.driver.list(pathOf(algorithm)));
      return (names ?? []).map((hex) => `${algorithm}:${hex}`).filter(isDigest);
    });
    return (await Promise.all(lists)).flat();
  }

  async #findReferrer(
    repository: string,
    digest: Digest,
    { subject, query }: { readonly subject: Digest; readonly query: ReferrersQuery },
  ): Promise<ManifestDescriptor | undefined> {
    const referrer = await this.#referrer(repository, digest);
    if (referrer?.subject !== subject || !matchesArtifactType(referrer.descriptor, query)) return undefined;
    // Distribution leaves the directory of a deleted revision without its link.
    return (await this.#options.manifests.has(repository, digest)) ? referrer.descriptor : undefined;
  }

  async #referrer(repository: string, digest: Digest): Promise<Referrer | undefined> {
    if (this.#known.has(digest)) return this.#known.get(digest);
    const found = await this.#options.manifests.read(repository, digest);
    if (!found) return undefined;
    const referrer = referrerOf(found);
    this.#remember(digest, referrer);
    return referrer;
  }

  #remember(digest: Digest, referrer: Referrer | undefined): void {
    const text = referrer && JSON.stringify(referrer);
    if (text && text.length > MAX_KNOWN_BYTES) return;
    const [oldest] = this.#known.keys();
    if (this.#known.size >= MAX_KNOWN && oldest) this.#known.delete(oldest);
    // A copy, because parsed values may keep all bytes of the manifest in memory.
    this.#known.set(digest, text === undefined ? undefined : (JSON.parse(text) as Referrer));
  }
}

/** @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers */
function referrerOf({ stored, reading }: ReadManifest): Referrer | undefined {
  const { mediaType, digest, bytes } = stored;
  const { subject, artifactType, annotations } = reading.manifest;
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
