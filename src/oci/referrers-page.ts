import type { ManifestDescriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import type { PageRequest } from './pagination.ts';

export interface ReferrersQuery extends PageRequest {
  /** Only these. */
  readonly artifactType?: string | undefined;
}

export interface ReferrersPage {
  readonly manifests: readonly ManifestDescriptor[];
  /** After which the next page begins; undefined: this is the last. */
  readonly next: Digest | undefined;
}

/**
 * Clients take the list for a manifest, and may not take one of more than 4 MiB: section "Pushing Manifests" of the distribution spec.
 * Room is left for what is around the entries. Bytes.
 */
const MAX_PAGE_BYTES = 4 * 1024 * 1024 - 1024;

/** Takes entries in the order of their digests for as long as there is room. */
export class ReferrersPageBuilder {
  readonly #query: ReferrersQuery;
  readonly #manifests: ManifestDescriptor[] = [];
  #bytes = 0;

  constructor(query: ReferrersQuery) {
    this.#query = query;
  }

  /** @returns false when it belongs on the next page */
  add(descriptor: ManifestDescriptor): boolean {
    const { last, n = Infinity } = this.#query;
    if (last !== undefined && descriptor.digest <= last) return true;
    if (!isWanted(descriptor, this.#query)) return true;
    const bytes = Buffer.byteLength(JSON.stringify(descriptor)) + 1;
    // A page has at least one, or nobody would ever come behind it.
    const isFull = this.#manifests.length > 0 && this.#bytes + bytes > MAX_PAGE_BYTES;
    if (isFull || this.#manifests.length >= n) return false;
    this.#bytes += bytes;
    this.#manifests.push(descriptor);
    return true;
  }

  /** @param isWhole nothing was turned away */
  build(isWhole: boolean): ReferrersPage {
    return { manifests: this.#manifests, next: isWhole ? undefined : this.#manifests.at(-1)?.digest };
  }
}

/** Whether it passes the filter of a query. */
export function isWanted(descriptor: ManifestDescriptor, { artifactType }: ReferrersQuery): boolean {
  return artifactType === undefined || descriptor.artifactType === artifactType;
}

/** One page of a list that is at hand; in the order that it has when all of it is on one page. */
export function pageOfReferrers(all: readonly ManifestDescriptor[], query: ReferrersQuery): ReferrersPage {
  const whole = fill(all, query);
  if (query.last === undefined && whole.next === undefined) return whole;
  return fill(
    all.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)),
    query,
  );
}

function fill(all: readonly ManifestDescriptor[], query: ReferrersQuery): ReferrersPage {
  const page = new ReferrersPageBuilder(query);
  return page.build(all.every((descriptor) => page.add(descriptor)));
}
