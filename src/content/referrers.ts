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
import { nextTurn } from '../stream/next-turn.ts';
import { ArtifactTypes } from './artifact-types.ts';
import { type ContentWriter, createDurableWriter } from './content-writer.ts';
import { forEach } from './for-each.ts';
import { type LinkStore, orUndefined } from './links.ts';
import type { ManifestFiles, ReadManifest } from './manifest-files.ts';
import { namesAfter, type NamesRequest } from './names-after.ts';
import { referrerDirectory, referrersCompletePath, referrersOfPath, revisionsPath } from './paths.ts';

const MAX_CONCURRENT_READS = 16;
/** Referrers that are looked up before it is checked whether the page is full. */
const BATCH = 64;
/** Names that are handled before it is known how many fit on a page. */
const MAX_NAMES = 1_000;
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
  readonly #types = new ArtifactTypes();
  readonly #limit = pLimit(MAX_CONCURRENT_READS);

  constructor(options: ReferrerStoreOptions) {
    this.#options = options;
  }

  async add(
    repository: string,
    subject: Digest,
    referrer: Digest,
    writer: ContentWriter = createDurableWriter(this.#options.driver),
  ): Promise<void> {
    const path = `${referrerDirectory(repository, subject, referrer)}/link`;
    await this.#options.links.putIfChanged(path, referrer, writer);
  }

  async remove(repository: string, subject: Digest, referrer: Digest): Promise<void> {
    await this.#options.driver.delete(referrerDirectory(repository, subject, referrer));
  }

  /** In the order of their digests; empty when there are none. */
  async list(repository: string, subject: Digest, query: ReferrersQuery = {}): Promise<ReferrersPage> {
    const page = new ReferrersPageBuilder(query);
    const mayMatch = this.#types.matcher(query.artifactType);
    for await (const candidates of this.#candidates(repository, subject, query)) {
      const matching = candidates.filter(mayMatch);
      for (let i = 0; i < matching.length; i += BATCH) {
        const batch = matching.slice(i, i + BATCH);
        const found = await this.#limit.map(batch, (digest) =>
          this.#findReferrer(repository, digest, { subject, query }),
        );
        const isWhole = found.every((descriptor) => descriptor === undefined || page.add(descriptor));
        if (!isWhole) return page.build({ isLast: false });
      }
    }
    return page.build({ isLast: true });
  }

  async *#candidates(repository: string, subject: Digest, { last = '', n = Infinity }: ReferrersQuery) {
    const { driver } = this.#options;
    const isComplete = await orUndefined(driver.stat(referrersCompletePath(repository)));
    if (!isComplete) await this.#linkAll(repository);
    const pathOf = (algorithm: string) =>
      isComplete ? referrersOfPath(repository, subject, algorithm) : revisionsPath(repository, algorithm);
    yield* this.#digestsAfter(pathOf, { after: last, about: Math.min(n + 1, MAX_NAMES) });
  }

  /** Links the referrers among the manifests of a repository, so that later requests look at these only. */
  async #linkAll(repository: string): Promise<void> {
    if (this.#options.readOnly) return;
    // When the disk is full, the next request tries again.
    await this.#link(repository).catch(() => {});
  }

  async #link(repository: string): Promise<void> {
    let isAny = false;
    const link = async (digest: Digest) => {
      const referrer = await this.#limit(() => this.#referrer(repository, digest));
      if (referrer) await this.add(repository, referrer.subject, digest);
    };
    const everything = { after: '', about: Infinity };
    for await (const digests of this.#digestsAfter((algorithm) => revisionsPath(repository, algorithm), everything)) {
      await forEach(digests, link, { concurrency: MAX_CONCURRENT_READS });
      isAny ||= digests.length > 0;
    }
    // After the links are durable, whatever the durability of pushes.
    if (isAny) await this.#options.driver.writeSmall(referrersCompletePath(repository), Buffer.from('1'));
  }

  /** In the order of digests. */
  async *#digestsAfter(pathOf: (algorithm: string) => string, { after, about }: NamesRequest) {
    for (const algorithm of ALGORITHMS) {
      const start = after.startsWith(`${algorithm}:`) ? after.slice(algorithm.length + 1) : '';
      for await (const names of namesAfter(this.#options.driver, pathOf(algorithm), { after: start, about })) {
        for (let i = 0; i < names.length; i += MAX_NAMES) {
          const digests = names.slice(i, i + MAX_NAMES).map((hex) => `${algorithm}:${hex}`);
          yield digests.filter((text): text is Digest => isDigest(text) && text > after);
          await nextTurn();
        }
      }
    }
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
    this.#types.remember(digest, referrer?.descriptor.artifactType);
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
