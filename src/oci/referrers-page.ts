import type { ManifestDescriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import type { PageRequest } from './pagination.ts';

/** The page of a referrers list that a client requests. */
export interface ReferrersQuery extends PageRequest {
  /** Only manifests of this type. Absent: of every type. */
  readonly artifactType?: string | undefined;
}

/**
 * A page of a referrers list.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
 */
export interface ReferrersPage {
  readonly manifests: readonly ManifestDescriptor[];
  /** The next page starts after this digest. Absent on the last page. */
  readonly next: Digest | undefined;
}

/**
 * Bytes of all entries of a page. Clients read the list as a manifest, and may reject more than 4 MiB: section "Pushing
 * Manifests" of the distribution spec. 1 KiB is left for the rest of the index.
 */
const MAX_PAGE_BYTES = 4 * 1024 * 1024 - 1024;

/** Collects one page of entries that are added in the order of their digests. */
export class ReferrersPageBuilder {
  readonly #query: ReferrersQuery;
  readonly #manifests: ManifestDescriptor[] = [];
  #bytes = 0;

  constructor(query: ReferrersQuery) {
    this.#query = query;
  }

  /** Skips an entry that the query does not match. @returns false when the page is full: the entry belongs on the next one */
  add(descriptor: ManifestDescriptor): boolean {
    const { last, n = Infinity } = this.#query;
    if (last !== undefined && descriptor.digest <= last) return true;
    if (!matchesArtifactType(descriptor, this.#query)) return true;
    const bytes = Buffer.byteLength(JSON.stringify(descriptor)) + 1;
    // A page has at least one entry: without one, clients could never proceed to the next page.
    const isFull = this.#manifests.length > 0 && this.#bytes + bytes > MAX_PAGE_BYTES;
    if (isFull || this.#manifests.length >= n) return false;
    this.#bytes += bytes;
    this.#manifests.push(descriptor);
    return true;
  }

  /** @param isLast no entry was rejected by {@link add} */
  build({ isLast }: { readonly isLast: boolean }): ReferrersPage {
    return { manifests: this.#manifests, next: isLast ? undefined : this.#manifests.at(-1)?.digest };
  }
}

/** Whether a referrer passes the filter of a query. */
export function matchesArtifactType(descriptor: ManifestDescriptor, { artifactType }: ReferrersQuery): boolean {
  return artifactType === undefined || descriptor.artifactType === artifactType;
}

/**
 * One page of a list in memory. A list that fits on one page keeps its order; pages of a longer one are in the order of
 * digests.
 */
export function pageOfReferrers(all: readonly ManifestDescriptor[], query: ReferrersQuery): ReferrersPage {
  const unsorted = buildPage(all, query);
  if (query.last === undefined && unsorted.next === undefined) return unsorted;
  return buildPage(
    all.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)),
    query,
  );
}

function buildPage(all: readonly ManifestDescriptor[], query: ReferrersQuery): ReferrersPage {
  const page = new ReferrersPageBuilder(query);
  return page.build({ isLast: all.every((descriptor) => page.add(descriptor)) });
}
