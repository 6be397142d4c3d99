import type { SourceRegistry } from '../images/registry-source.ts';
import { listTagNames } from '../images/listing.ts';
import { RegistryError } from '../oci/errors.ts';
import { isTag } from '../oci/reference.ts';
import { selectTags, type TagSelection } from './select-tags.ts';

/** Tags of a repository. */
export interface FoundTags {
  readonly selected: readonly string[];
  /** Cached tags that would be selected if the upstream still listed them. */
  readonly gone: readonly string[];
}

export interface TaggedRepository {
  readonly upstream: string;
  readonly repository: string;
  readonly registry: Pick<SourceRegistry, 'listTags'>;
  /** Tags in the cache. */
  readonly cached: readonly string[];
}

/** Selects tags from one list of the upstream. @throws {RegistryError} · {ImageError} when it does not return one */
export async function findTags(
  { upstream, repository, registry, cached }: TaggedRepository,
  selection: TagSelection,
  signal: AbortSignal,
): Promise<FoundTags> {
  const location = { host: upstream, repository };
  const listed = (await listTagNames(fromUpstream(registry), location, { signal })).filter(isTag);
  const known = new Set(listed);
  const missing = cached.filter((tag) => !known.has(tag));
  // Those beyond the newest were selected when they were newer.
  const gone = selectTags(missing, { ...selection, ...(selection.newest !== undefined && { newest: Infinity }) });
  return { selected: selectTags(listed, selection), gone };
}

/** The cache returns its own tags while the upstream is unavailable: then every other tag would seem to be gone. */
function fromUpstream(registry: Pick<SourceRegistry, 'listTags'>): Pick<SourceRegistry, 'listTags'> {
  return {
    async listTags(...parameters) {
      const page = await registry.listTags(...parameters);
      if (page.outcome !== 'STALE') return page;
      throw new RegistryError('UNAVAILABLE', `${page.upstream ?? 'the upstream'} does not list its tags now`);
    },
  };
}
