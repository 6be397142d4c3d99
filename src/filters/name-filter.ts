import { matchGlobs } from '../matching/glob.ts';

export interface NameFilterOptions {
  /** Globs over the upstream's names; empty: all. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

/** Whether the upstream's `allow` and `deny` leave one of its names open. */
export type NameFilter = (repository: string) => boolean;

export function createNameFilter({ allow, deny }: NameFilterOptions): NameFilter {
  const allowed = allow.length === 0 ? () => true : matchGlobs(allow);
  const denied = deny.length === 0 ? () => false : matchGlobs(deny);
  return (repository) => allowed(repository) && !denied(repository);
}
