import type { z } from 'zod';
import { matchGlobs } from '../../matching/glob.ts';
import type { sync } from './sync.ts';

type RawRule = z.output<typeof sync>;

interface SyncedUpstream {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly library: boolean;
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

/** A repository of an upstream that is kept in the cache. */
export interface SyncedRepository {
  /** Name of the upstream. */
  upstream: string;
  /** Name of the repository there. */
  repository: string;
}

export type SyncRule = Omit<RawRule, 'repositories'> & { repositories: SyncedRepository[] };

/** Finds the upstreams of the repositories. Problems are reported at their keys below `sync`. */
export function toSyncRules(
  rules: readonly RawRule[],
  upstreams: readonly SyncedUpstream[],
  report: (path: readonly (string | number)[], message: string) => void,
): SyncRule[] {
  return rules.map((rule, i) => {
    const first = rules.findIndex(({ name }) => name === rule.name);
    if (first !== i) report([i, 'name'], `is also the name of sync[${first}]`);
    const repositories = rule.repositories.flatMap((written, j) => {
      const found = findRepository(written, upstreams);
      if (typeof found !== 'string') return [found];
      report([i, 'repositories', j], found);
      return [];
    });
    reportRepeated(rule, repositories, (j, message) => report([i, 'repositories', j], message));
    return { ...rule, repositories };
  });
}

/** @returns the problem when there is none */
function findRepository(written: string, upstreams: readonly SyncedUpstream[]): SyncedRepository | string {
  const host = written.slice(0, written.indexOf('/'));
  const path = written.slice(host.length + 1);
  const upstream = upstreams.find(({ name, aliases }) => name === host || aliases.includes(host));
  if (!upstream) {
    const names = upstreams.map(({ name }) => name);
    return `must begin with the name of an upstream, and ${host} is none (configured: ${names.join(', ') || 'none'})`;
  }
  const repository = upstream.library && !path.includes('/') ? `library/${path}` : path;
  const { allow, deny, name } = upstream;
  const isAllowed = (allow.length === 0 || matchGlobs(allow)(repository)) && !matchGlobs(deny)(repository);
  return isAllowed ? { upstream: name, repository } : `is excluded by the allow or deny list of ${name}`;
}

/** With `to`, repositories of two upstreams may have one name at the destination. */
function reportRepeated(
  { to }: RawRule,
  repositories: readonly SyncedRepository[],
  report: (index: number, message: string) => void,
): void {
  const nameOf = ({ upstream, repository }: SyncedRepository) => (to ? repository : `${upstream}/${repository}`);
  for (const [j, each] of repositories.entries()) {
    const first = repositories.findIndex((other) => nameOf(other) === nameOf(each));
    if (first === j) continue;
    const isSame = repositories[first]?.upstream === each.upstream;
    report(
      j,
      isSame
        ? `is also repositories[${first}]`
        : `would be ${nameOf(each)} in the other registry, like repositories[${first}] (use two rules)`,
    );
  }
}
